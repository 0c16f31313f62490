// The rooms of src/, lowest first. A room may import only rooms before it in this list, and only
// through their index.ts. See docs/architecture.md.
const rooms = [
  'base',
  'wire',
  'conntrack',
  'rules',
  'nat',
  'helpers',
  'engine',
  'datapath',
  'control',
  'cli',
];

const oneWay = rooms.map((room, index) => ({
  name: `one-way-${room}`,
  comment: `${room}/ may not import a room above it`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: `^src/(${rooms.slice(index + 1).join('|') || '(?!)'})/` },
}));

const throughIndex = rooms.map((room) => ({
  name: `through-index-${room}`,
  comment: `other rooms reach ${room}/ through its index.ts only`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/${room}/` },
  to: { path: `^src/${room}/`, pathNot: `^src/${room}/index\\.ts$` },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'native-below-datapath-only',
      comment: 'cap, raw-socket and koffi are loaded below datapath/ only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/datapath/' },
      to: { path: 'node_modules/(cap|raw-socket|koffi)/' },
    },
    ...oneWay,
    ...throughIndex,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
