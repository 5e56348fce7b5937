/** The oldest Node that can run what we do inside of npm. */
export const OLDEST_NODE = '20.17.0';
