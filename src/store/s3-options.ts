import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { loadConfig } from '@smithy/core/config';
import type { Settings } from '../settings.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Our own settings about S3; those that AWS has a name for can stand in its files, too. */
export type S3Settings = Partial<Pick<Settings, 's3AddressingStyle' | 's3UseAccelerateEndpoint' | 's3Sse' | 's3SseKmsKeyId' | 's3RequestPayer'>>;

/** What the environment, the AWS files and our settings come to. */
export interface S3Options {
  /** Endpoint, addressing and credentials, as far as they are not the SDK's own business. */
  readonly config: S3ClientConfig;
  readonly region: string;
  /** Undefined: AWS's own. */
  readonly endpoint: string | undefined;
  /** `ca_bundle` of the AWS config file. */
  readonly caBundle: string | undefined;
}

type FindCredentials = NonNullable<S3ClientConfig['credentialDefaultProvider']>;

/** Used where no region is configured: S3-compatibles do not care, and S3 itself says where the bucket is. */
const DEFAULT_REGION = 'us-east-1';

/**
 * Reads what is set about S3. An endpoint of one's own means path-style addresses, unless an addressing style is set (here, or as
 * `addressing_style` below `s3 =` in the AWS config file, as the AWS CLI has it). `make` makes a client, for what only that knows.
 */
export async function s3Options(env: Env, settings: S3Settings, bucket: string, make: (config: S3ClientConfig) => S3Client): Promise<S3Options> {
  const fromEnv = configFromEnv(env);
  const profile = await profileSection(fromEnv.profile);
  const standard = make(fromEnv).config;
  const { region, endpoint } = await configured(standard, fromEnv);
  const style = settings.s3AddressingStyle ?? profile['s3.addressing_style'] ?? 'auto';
  const accelerate = settings.s3UseAccelerateEndpoint ?? isTrue(profile['s3.use_accelerate_endpoint']);
  const dualstack = isTrue(profile['s3.use_dualstack_endpoint']);
  const byHost = bucket.startsWith('arn:') || accelerate || style === 'virtual';
  const config: S3ClientConfig = {
    ...fromEnv,
    forcePathStyle: !byHost && (style === 'path' || endpoint !== undefined),
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the other way is a package that only the SDK itself depends on
    credentialDefaultProvider: alikeFor(standard.credentialDefaultProvider),
    useArnRegion: true, // an access point says where it is
    ...(accelerate && { useAccelerateEndpoint: true }),
    ...(dualstack && { useDualstackEndpoint: true }),
  };
  return { config, region, endpoint, caBundle: profile['ca_bundle'] };
}

/**
 * Has the services that credentials come from asked as the store is: by its proxy, and with its certificates. The SDK does that with STS; its
 * clients for SSO have only what is in `clientConfig`.
 */
function alikeFor(find: FindCredentials): FindCredentials {
  return (init: S3Client['config']) => find({ ...init, clientConfig: { requestHandler: init.requestHandler } });
}

function configFromEnv(env: Env): S3ClientConfig {
  const endpoint = first(env, 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL');
  const region = first(env, 'AWS_REGION', 'AWS_DEFAULT_REGION');
  const profile = first(env, 'AWS_PROFILE');
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? credentialsFromEnv(env) : { profile }),
  };
}

/** The value of the first of these variables that is set to something. */
function first(env: Env, ...names: string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
}

/** As the SDK has it: static credentials count only where no profile is named. */
function credentialsFromEnv(env: Env): S3ClientConfig {
  const accessKeyId = env['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'];
  const sessionToken = env['AWS_SESSION_TOKEN'];
  if (!accessKeyId || !secretAccessKey) return {};
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } };
}

/** What the AWS files say of a profile; of what stands below `s3 =` the keys begin with `s3.`. */
async function profileSection(profile: string | undefined): Promise<Readonly<Record<string, string | undefined>>> {
  const nothing = (): undefined => undefined;
  const section = loadConfig<Record<string, string | undefined>>({ environmentVariableSelector: nothing, configFileSelector: (found) => found, default: {} }, profile === undefined ? {} : { profile });
  return await section();
}

function isTrue(text: string | undefined): boolean {
  return text?.toLowerCase() === 'true';
}

/** Asks the SDK for what may stand in its files. */
async function configured(config: S3Client['config'] & { serviceConfiguredEndpoint?: () => Promise<unknown> }, { endpoint: given }: S3ClientConfig): Promise<{ region: string; endpoint: string | undefined }> {
  const endpoint = given ?? (await config.serviceConfiguredEndpoint?.());
  return { region: await config.region().catch(() => DEFAULT_REGION), endpoint: typeof endpoint === 'string' ? endpoint : undefined };
}
