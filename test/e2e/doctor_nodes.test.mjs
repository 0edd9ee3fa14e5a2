// What doctor says of nodes: two that serve one chain, one that is limited, one of another chain, none at all.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { ROOT, runOn } from './harness.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'cryptopay-nodes-'));
const children = [];
after(() => {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function simulated(...args) {
  const genesis = String(Date.now() - 61 * 3000);
  const child = spawn(path.join(ROOT, 'build/cryptopay-simnode'), [...args, '--witnesses', '5', '--genesis', genesis]);
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line);
  throw new Error('it does not start');
}

let chain, other;
before(async () => {
  const anywhere = ['--listen', '127.0.0.1:0'];
  chain = await simulated(...anywhere, ...anywhere, ...anywhere);
  other = await simulated(...anywhere, '--seed', 'another');
});

async function findings(nodes, ...args) {
  const named = nodes.flatMap((node) => ['--node', node]);
  const all = ['doctor', '--json', '--network', 'custom', '--usdt-contract', chain.usdt_contract, ...named, ...args];
  const result = await runOn(folder, all, { timeoutMs: 30000 });
  const rows = result.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return { text: result.stdout + result.stderr, of: (check) => rows.filter((row) => row.check === check) };
}

test('nodes of one chain', async () => {
  const { of, text } = await findings(chain.nodes, '--trust', 'quorum:2');
  assert.deepEqual(of('node').map((row) => row.state), ['good', 'good', 'good'], text);
  assert.match(of('node')[0].finding, /^127\.0\.0\.1:\d+ is at block \d+, final \d+, answers in \d+ ms$/);
  assert.equal(of('agreement')[0].state, 'good');
  assert.equal(of('trust')[0].state, 'good');
  for (const check of ['nodes', 'node limits', 'token', 'chain clock', 'witnesses']) assert.deepEqual(of(check), [], check);
});

test('a key’s limits are too low, and the key is told to nobody', async () => {
  const { of, text } = await findings([`${chain.nodes[0]} key=do-not-tell rate=1 per_day=50000`]);
  assert.equal(of('node')[0].state, 'good', text);
  assert.equal(of('node limits')[0].state, 'warning');
  assert.equal(of('trust')[0].state, 'warning'); // one node is believed
  assert.doesNotMatch(text, /do-not-tell/);
});

test('a node of another chain, one that is not there', async () => {
  const { of, text } = await findings([chain.nodes[0], other.nodes[0], 'http://127.0.0.1:1'], '--trust', 'verified:2');
  assert.deepEqual(of('node').map((row) => row.state).sort(), ['bad', 'bad', 'good'], text);
  assert.ok(of('node').some((row) => /another chain/.test(row.finding)));
  assert.ok(of('node').some((row) => /no connection/.test(row.finding)));
  assert.match(of('nodes')[0].finding, /1 of them can be used, 2 must agree/);
  assert.equal(of('witnesses')[0].state, 'warning'); // not pinned
});

test('main net is not this chain', async () => {
  const named = ['--node', chain.nodes[0], '--network', 'main'];
  const result = await runOn(folder, ['doctor', ...named], { timeoutMs: 30000 });
  assert.match(result.stdout, /another chain/);
});

test('a node that lags, a token that is paused', async () => {
  const tell = (name, body) => fetch(`${chain.nodes[1]}/sim/${name}`, { method: 'POST', body: JSON.stringify(body) });
  await tell('lag', { blocks: 20 });
  await tell('pause', { paused: true });
  await tell('mine', { n: 12 });
  const { of, text } = await findings(chain.nodes);
  assert.equal(of('node')[1].state, 'warning', text);
  assert.match(of('node')[1].finding, /others are further/);
  assert.match(of('token')[0].finding, /paused/);
});

test('no node', async () => {
  const result = await runOn(folder, ['doctor', '--json'], { timeoutMs: 30000 });
  assert.match(result.stdout, /no node is named/);
});
