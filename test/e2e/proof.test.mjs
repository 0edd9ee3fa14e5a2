// A proof of payment is checked from two files alone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { BINARY, ROOT } from './harness.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'cryptopay-proof-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const PROOF = path.join(ROOT, 'test/data/tron/proof.json');
const WITNESSES = path.join(ROOT, 'test/data/tron/proof-witnesses.json');
const TOKEN = JSON.parse(readFileSync(PROOF, 'utf8')).token;

function verify(file, ...args) {
  const all = ['proof', 'verify', file, '--network', 'custom', '--usdt-contract', TOKEN, '--json', ...args];
  const { status, stdout, stderr } = spawnSync(BINARY, all, { cwd: folder, encoding: 'utf8', timeout: 20000 });
  return { status, stdout, stderr };
}

test('a proof says what was paid, and nothing is written anywhere', () => {
  const { status, stdout } = verify(PROOF, '--witness-file', WITNESSES);
  assert.equal(status, 0, stdout);
  const said = JSON.parse(stdout);
  const file = JSON.parse(readFileSync(PROOF, 'utf8'));
  for (const name of ['txid', 'token', 'from', 'to', 'amount', 'block']) assert.equal(said[name], file[name]);
  assert.equal(said.signed_by, 4);
  assert.deepEqual(readdirSync(folder), []);
});

test('a changed proof, another set and another token are refused with the reason', () => {
  const changed = path.join(folder, 'changed.json');
  writeFileSync(changed, readFileSync(PROOF, 'utf8').replace('"amount": "1', '"amount": "2'));
  assert.match(JSON.stringify(verify(changed, '--witness-file', WITNESSES)), /says something else than it proves/);
  const set = path.join(folder, 'witnesses.json');
  writeFileSync(set, JSON.stringify(JSON.parse(readFileSync(WITNESSES, 'utf8')).slice(1)));
  const other = verify(PROOF, '--witness-file', set);
  assert.equal(other.status, 1);
  assert.match(JSON.stringify(other), /other witnesses/);
  const main = spawnSync(BINARY, ['proof', 'verify', PROOF, '--witness-file', WITNESSES], { cwd: folder, encoding: 'utf8' });
  assert.equal(main.status, 1);
  assert.match(main.stderr, /another token/);
  assert.equal(verify(PROOF).status, 2);
});
