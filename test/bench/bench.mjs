// `make bench`: one table of ratios. What is compared is measured alternately in this one run (A B C, C B A, A B C …), five
// times each; a ratio is the median of the rounds' ratios, so that a busy or slow machine moves both sides alike.
//
// BENCH_FULL=0     200 thousand stored payments instead of 10 million
// BENCH_ROUNDS=5   samples of each
// BENCH_SECONDS=3  length of a sample
// BENCH_ONLY=a,b   only these groups (names below)
import { cpus, release } from 'node:os';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD, median, number, sleep } from './lib.mjs';
import { groups } from './groups.mjs';

export const settings = {
  full: process.env.BENCH_FULL !== '0',
  rounds: Number(process.env.BENCH_ROUNDS ?? 5),
  seconds: Number(process.env.BENCH_SECONDS ?? 3),
};

// Runs every subject in turn, `rounds` times, every other round backwards; gives the samples of each.
async function interleave(subjects) {
  const samples = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
  const names = Object.keys(subjects);
  for (let round = 0; round < settings.rounds; round++)
    for (const name of round % 2 ? [...names].reverse() : names) {
      samples[name].push(await subjects[name]());
      process.stderr.write('.');
      await sleep(100);
    }
  return samples;
}

const grouped = (v) => Math.round(v).toLocaleString('en-US').replaceAll(',', ' ');
const text = (v) => (v >= 1000 ? grouped(v) : String(Math.round(v * 100) / 100));

function verdict(row) {
  if (row.atLeast !== undefined) return [`≥ ${row.atLeast}`, row.value >= row.atLeast ? 'ok' : 'FAILS'];
  if (row.atMost !== undefined) return [`≤ ${row.atMost}`, row.value <= row.atMost ? 'ok' : 'FAILS'];
  return ['', ''];
}

function print(rows) {
  const cells = rows.map((r) => [r.name, r.a ?? '', r.b ?? '', text(r.value) + (r.unit ? ` ${r.unit}` : ''), ...verdict(r)]);
  const head = ['', 'measured', 'compared with', 'ratio or value', 'wanted', ''];
  const width = head.map((h, i) => Math.max(h.length, ...cells.map((c) => c[i].length)));
  const line = (c) => c.map((s, i) => s.padEnd(width[i])).join('  ').trimEnd();
  console.log([line(head), width.map((w) => '-'.repeat(w)).join('  '), ...cells.map(line)].join('\n'));
}

const only = process.env.BENCH_ONLY?.split(',');
const rows = [];
const started = Date.now();
const context = { settings, interleave, rows, text, median };
for (const [name, group] of Object.entries(groups)) {
  if (only && !only.includes(name)) continue;
  process.stderr.write(`${name} `);
  await group(context);
  process.stderr.write('\n');
}
const machine = `${cpus().length} × ${cpus()[0].model}, Linux ${release()}, fsync ${text(number('fsync', [BUILD, 2]))}/s`;
console.log(`\ncryptopay bench: ${machine}; medians of ${settings.rounds} samples of ${settings.seconds} s\n`);
print(rows);
console.log(`\nTook ${Math.round((Date.now() - started) / 1000)} s. How to read this: test/bench/README.md`);
writeFileSync(join(BUILD, 'bench', 'result.json'), JSON.stringify({ machine, settings, rows }, null, 1));
if (rows.some((r) => verdict(r)[1] === 'FAILS')) process.exitCode = 1;
