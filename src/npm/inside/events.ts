/** What runs when a package is installed, in this order (arborist, rebuild.js). */
export const INSTALL_EVENTS = ['preinstall', 'install', 'postinstall'] as const;
