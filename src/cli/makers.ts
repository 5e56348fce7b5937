import type { Makers } from '../fleet/makers.ts';
import { remakePackage } from '../npm/remake.ts';

/** What can be made of archives as registries have them. */
export const MAKERS: Makers = { npm: remakePackage };
