/**
 * Types, promises, Svelte, and the import rules of DESIGN.md. `PLACES` is that page's table in a form that a machine
 * enforces: whatever a place does not list, it may not import.
 */
import { readFileSync } from 'node:fs';
import js from '@eslint/js';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

const root = import.meta.dirname;

/** @type {{ include: string[] }} */
const pure = JSON.parse(readFileSync(`${root}/tsconfig.pure.json`, 'utf8'));

/** The narrow files through which features meet. */
const PORTS = [
  'app/mesh/transport.ts',
  'app/clock/clock.ts',
  'app/library/library.ts',
  'app/playback/timeline.ts',
];

/**
 * @typedef {object} Place
 * @property {string} files folder
 * @property {string[]} local paths it may import besides itself
 * @property {string[]} packages packages it may import; subpaths included
 */
/** @type {Place[]} */
const PLACES = [
  {
    files: 'app/session',
    local: ['app/playback/timeline.ts'],
    packages: ['yjs', 'valibot', 'fractional-indexing'],
  },
  { files: 'app/clock', local: [], packages: [] },
  {
    files: 'app/mesh',
    local: ['signaling/protocol', 'app/database.ts'],
    packages: ['yjs', 'y-webrtc', 'y-protocols', 'lib0', 'peerjs', 'simple-peer', 'valibot'],
  },
  {
    files: 'app/library',
    local: ['app/mesh/transport.ts', 'app/database.ts'],
    packages: ['mediabunny', 'hash-wasm', 'valibot'],
  },
  {
    files: 'app/playback',
    local: ['app/session', 'app/clock', 'app/library/library.ts', 'app/library/enter.ts'],
    packages: ['mediabunny', 'yjs'],
  },
  {
    files: 'app/voice',
    local: ['app/mesh/transport.ts', 'app/playback/level.ts'],
    packages: [],
  },
  {
    files: 'app/host',
    local: ['app/playback', 'app/voice', 'app/session', 'signaling/protocol', ...PORTS],
    packages: ['wasm-media-encoders', 'valibot', 'yjs'],
  },
  { files: 'app/doctor', local: ['signaling/protocol'], packages: ['valibot'] },
  { files: 'app/intents', local: ['app/session'], packages: ['valibot'] },
  {
    files: 'app/state',
    local: [
      'app/session',
      'app/clock',
      'app/library',
      'app/playback',
      'app/voice',
      'app/host',
      'app/intents',
      'app/doctor',
      'app/mesh/transport.ts',
      'signaling/protocol',
    ],
    packages: ['svelte', 'yjs', 'valibot', 'workbox-window', 'virtual:pwa-register'],
  },
  {
    files: 'app/ui',
    local: ['app/state'],
    packages: ['svelte', '@lucide/svelte', '@fontsource-variable', 'uqr'],
  },
  // The narrower place comes later: its rule replaces the wider one's.
  { files: 'signaling', local: [], packages: ['**'] },
  { files: 'signaling/protocol', local: [], packages: ['valibot'] },
];

/** @param {string} text */
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * Local imports are judged by the file they resolve to, packages by their name.
 * @param {Place} place
 */
function importRules({ files, local, packages }) {
  const sides = ['./app', './signaling'];
  const zones = sides.map((from) => ({
    target: `./${files}`,
    from,
    except: [files, ...local]
      .filter((path) => `./${path}/`.startsWith(`${from}/`))
      .map((path) => `./${path.slice(from.length - 1)}`),
    message: `${files} may import only itself${local.map((path) => `, ${path}`).join('')} (DESIGN.md, "The house").`,
  }));
  const known = packages.map((name) => `${escape(name)}(/|$)`).join('|');
  return [
    {
      files: [`${files}/**/*.{ts,svelte}`],
      rules: { 'import-x/no-restricted-paths': ['error', { basePath: root, zones }] },
    },
    ...(packages.includes('**')
      ? []
      : [
          {
            files: [`${files}/**/*.{ts,svelte}`],
            rules: {
              'no-restricted-imports': [
                'error',
                {
                  patterns: [
                    {
                      regex: `^(?!\\.${known === '' ? '' : `|${known}`})`,
                      message: `${files} may import the packages: ${packages.join(', ') || 'none'} (DESIGN.md, "The house").`,
                    },
                  ],
                },
              ],
            },
          },
        ]),
  ];
}

/** @param {string} message */
const forbidden = (message) => ({ 'no-restricted-syntax': ['error', { selector: 'Program', message }] });

/** @type {[string[], string][]} */
const PROJECTS = [
  [['app/**/*.ts', 'app/**/*.svelte'], 'tsconfig.browser.json'],
  [
    ['app/**/worker.ts', 'app/**/*.worker.ts', 'app/**/worklet.ts', 'app/**/*.worklet.ts'],
    'tsconfig.worker.json',
  ],
  [['signaling/**/*.ts', 'scripts/**/*.ts', '*.ts'], 'tsconfig.node.json'],
  [['tests/**/*.ts', 'tests/**/*.svelte', 'scripts/bench/**/*.ts'], 'tsconfig.tests.json'],
];

export default ts.config(
  {
    ignores: [
      'dist/',
      'node_modules/',
      'test-results/',
      'playwright-report/',
      'tests/.cache/',
      'certs/',
      'public/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  ...ts.configs.recommendedTypeChecked,
  ...svelte.configs.recommended,
  {
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.svelte.ts', '.svelte', '.js'] })],
    },
    languageOptions: { parserOptions: { extraFileExtensions: ['.svelte'], tsconfigRootDir: root } },
    rules: {
      // TypeScript resolves every name, with the right globals for each context (one tsconfig a context).
      'no-undef': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'prefer-const': 'error',
      // Playwright reads from this pattern which fixtures a test wants.
      'no-empty-pattern': ['error', { allowObjectPatternsAsParameters: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/require-await': 'off',
      // `createX` hands out closures, whose methods need no `this`.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  ...PROJECTS.map(([files, project]) => ({
    files,
    languageOptions: { parserOptions: { project: [`./${project}`] } },
  })),
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser } },
    rules: {
      // `let { a, b } = $props()` mixes what is bound with what is not.
      'prefer-const': 'off',
      'svelte/prefer-const': ['error', { destructuring: 'all' }],
      // A Map that is filled and read within one computation needs no reactivity.
      'svelte/prefer-svelte-reactivity': 'off',
      // `{' '}` keeps a space that the formatter would move.
      'svelte/no-useless-mustaches': 'off',
      // Template expressions are typed by svelte-check; to this parser many of them are `any`.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    ...ts.configs.disableTypeChecked,
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: globals.node },
    rules: { 'no-undef': 'error' },
  },
  { files: ['scripts/**', 'tests/**', 'signaling/main.ts'], rules: { 'no-console': 'off' } },
  ...PLACES.flatMap(importRules),
  {
    files: ['tests/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: pure.include,
    rules: {
      'no-restricted-globals': [
        'error',
        ...[
          ...['Date', 'performance', 'setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'],
          ...['setImmediate', 'queueMicrotask', 'requestAnimationFrame', 'window', 'document', 'navigator'],
          ...['self', 'globalThis', 'fetch', 'crypto', 'localStorage', 'console', 'process', 'Buffer'],
        ].map((name) => ({
          name,
          message: 'Pure files take time, randomness and I/O as arguments.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Pure files take randomness as an argument.' },
      ],
    },
  },
  { files: ['**/index.ts'], rules: forbidden('No barrel files: import the file that has it.') },
  {
    files: ['{app,signaling,tests,scripts}/**/{utils,util,lib,helpers,src}/**'],
    rules: forbidden('No utils, lib, helpers or src folders: name what it is for.'),
  },
);
