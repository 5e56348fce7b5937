import { join } from 'node:path';
import tseslint from 'typescript-eslint';
import { walls } from './scripts/lint/walls.mjs';

const root = import.meta.dirname;

const environment = { object: 'process', property: 'env', message: 'Only src/config.ts reads the environment.' };
const exit = { object: 'process', property: 'exit', message: 'Return a status; src/main.ts sets process.exitCode.' };

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'node_modules/', '.cache/'] },
  {
    files: ['**/*.ts', '**/*.cts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: root } },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-constant-binary-expression': 'error',
      'no-control-regex': 'error',
      'prefer-const': 'error',
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // What is read from disk gets its type before it is checked.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // Index signatures are written ['KEY'], as the compiler's strictness wants them for environments.
      '@typescript-eslint/dot-notation': 'off',
      // Parsers read better with their own loops.
      '@typescript-eslint/prefer-for-of': 'off',
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/prefer-regexp-exec': 'off',
    },
  },
  {
    files: ['src/**/*.ts', 'src/**/*.cts'],
    plugins: { 'pkg-cache': { rules: { walls } } },
    rules: {
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      'no-restricted-properties': ['error', environment, exit],
      'no-restricted-imports': ['error', { paths: [{ name: 'node:process', message: 'Use the global; the rules know it.' }] }],
      'pkg-cache/walls': ['error', { src: join(root, 'src') }],
    },
  },
  { files: ['src/**/*.cts'], rules: { '@typescript-eslint/no-require-imports': ['error', { allowAsImport: true }] } },
  { files: ['src/config.ts'], rules: { 'no-restricted-properties': ['error', exit] } },
  {
    files: ['src/main.ts', 'src/cli/**/*.ts'],
    rules: { 'no-console': 'off', 'no-restricted-properties': ['error', environment] },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off', // matchers are `any`
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
