import { expect, it } from 'vitest';
import { s3Failure } from '../../src/store/s3-failure.ts';

it('an object that its bucket has archived is one that is of no use, and no reason to leave the store alone', () => {
  const archived = { name: 'InvalidObjectState', $metadata: { httpStatusCode: 403 } };
  expect(s3Failure('s3://bucket', archived)).toMatchObject({ code: 'ARCHIVE_INVALID' });
  expect(s3Failure('s3://bucket', { ...archived, name: 'AccessDenied' })).toMatchObject({ code: 'STORE_DENIED' });
});
