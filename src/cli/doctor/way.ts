import { printable } from '../../printable.ts';
import type { Way } from '../../store/s3-network.ts';
import { checksOf, type Check } from './check.ts';

const { ok, note } = checksOf('store');

/** Where a store's requests go, and whose certificates are trusted on the way. */
export function checkWay({ server, proxy, certificates }: Way): Check[] {
  const by = (): string => {
    if (!proxy) return 'without a proxy';
    const named = `${proxy.url} (${proxy.variable})`;
    return proxy.passedOver ? `without the proxy ${named}: NO_PROXY names it` : `through the proxy ${named}`;
  };
  return [ok(`its requests go to ${printable(server)}, ${printable(by())}`), ...(certificates ? [checkCertificates(certificates)] : [])];
}

function checkCertificates({ variable, path, alone, readable }: NonNullable<Way['certificates']>): Check {
  const file = printable(path);
  if (!readable) return note(`${variable} names ${file}, which is no file of certificates that can be read: those that Node knows are trusted`, 'put the file there, or take the variable away');
  return ok(`certificates are trusted that ${file} (${variable}) has${alone ? ', and no others' : ', and those that Node knows'}`);
}
