import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import { startProxy } from '../support/proxy.ts';
import { failure, temporaryDirectory } from './helpers.ts';

const files = temporaryDirectory();
afterAll(files.remove);
afterEach(() => vi.unstubAllEnvs());

const START = 'https://secret-company.awsapps.com/start';

/** The error of a read, with this AWS configuration file, home and environment alone. */
async function read(name: string, config: string, env: Record<string, string>, tokens: Record<string, unknown> = {}) {
  const home = join(files.path, name);
  mkdirSync(join(home, '.aws/sso/cache'), { recursive: true });
  for (const [file, token] of Object.entries(tokens)) writeFileSync(join(home, '.aws/sso/cache', file), JSON.stringify(token));
  const path = join(home, 'config');
  writeFileSync(path, config);
  const all = { HOME: home, AWS_CONFIG_FILE: path, AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_EC2_METADATA_DISABLED: 'true', AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9', ...env };
  for (const [variable, value] of Object.entries(all)) vi.stubEnv(variable, value);
  const store = await openStore('s3://bucket/x', { env: all, circuit: memoryCircuit() });
  const error = await failure(store.get('v1/a'));
  store.close();
  expect(JSON.stringify([error.message, error.hint, String(error.cause)])).not.toContain('secret');
  return error;
}

const LEGACY = `[profile p]\nsso_start_url = ${START}\nsso_region = us-east-1\nsso_account_id = 123456789012\nsso_role_name = r\n`;
const SESSION = `[profile p]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n[sso-session s]\nsso_start_url = ${START}\nsso_region = us-east-1\n`;

it.each([
  ['session-missing', SESSION, {}],
  ['legacy-missing', LEGACY, {}],
  // The name is the SHA-1 of the start URL, as the AWS CLI has it.
  ['legacy-expired', LEGACY, { 'f1a7a1153198a88360b36a9661af70b388e115f2.json': { accessToken: 'secret', expiresAt: '2020-01-01T00:00:00Z' } }],
])('an SSO session that is %s: says to log in', async (name, config, tokens) => {
  expect(await read(name, config, { AWS_PROFILE: 'p' }, tokens)).toMatchObject({ code: 'STORE_DENIED', hint: expect.stringContaining('aws sso login') });
});

it('a web identity token that is not mounted: says which variable names it', async () => {
  const env = { AWS_WEB_IDENTITY_TOKEN_FILE: join(files.path, 'secret-token'), AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/r' };
  expect(await read('web', '', env)).toMatchObject({ code: 'STORE_DENIED', hint: expect.stringContaining('AWS_WEB_IDENTITY_TOKEN_FILE') });
});

it('no credentials at all: says how to set some', async () => {
  expect(await read('none', '', {})).toMatchObject({ code: 'STORE_DENIED', hint: expect.stringContaining('AWS_ACCESS_KEY_ID') });
});

const IDENTITY = { AWS_WEB_IDENTITY_TOKEN_FILE: join(files.path, 'token'), AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/r', AWS_ROLE_SESSION_NAME: 's' };
const LEGACY_FILE = 'f1a7a1153198a88360b36a9661af70b388e115f2.json';
// The name is the SHA-1 of the session's name.
const SESSION_FILE = 'a0f1490a20d0211c997b44bc357e1972deab8ae3.json';
const renewable = { accessToken: 'secret', expiresAt: '2020-01-01T00:00:00Z', refreshToken: 'secret', clientId: 'secret', clientSecret: 'secret', registrationExpiresAt: '2099-01-01T00:00:00Z' };

it.each([
  ['sso', 'portal.sso', LEGACY, { AWS_PROFILE: 'p' }, { [LEGACY_FILE]: { accessToken: 'secret', expiresAt: '2099-01-01T00:00:00Z' } }],
  ['sso-renewal', 'oidc', SESSION, { AWS_PROFILE: 'p' }, { [SESSION_FILE]: renewable }],
  ['sts', 'sts', '', IDENTITY, {}],
])('credentials that come from a service (%s) come by the proxy, as the objects do', async (name, host, config, env, tokens) => {
  writeFileSync(IDENTITY.AWS_WEB_IDENTITY_TOKEN_FILE, 'secret');
  const proxy = await startProxy();
  await read(`by-proxy-${name}`, config, { HTTPS_PROXY: proxy.url, ...env }, tokens);
  await proxy.stop();
  expect(proxy.log).toContain(`CONNECT ${host}.us-east-1.amazonaws.com:443`);
});
