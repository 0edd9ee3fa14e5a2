// Which database a gateway under test has. Without TEST_DATABASE it is SQLite in its data folder. With it, the URL of a
// PostgreSQL server without a database (test/postgres start), each data folder gets a database of its own there when it is
// first used; what this process has made is dropped when it ends.
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const BASE = process.env.TEST_DATABASE || undefined;
export const POSTGRES = BASE !== undefined;
// A webhook that a killed node had in hand is sent by another one, or by itself, when its lease has ended (WEBHOOK_LEASE_MS).
export const LEASE_MS = POSTGRES ? 30000 : 0;
const PROGRAMS = '/usr/lib/postgresql/15/bin';

const commandOf = (name) => (existsSync(PROGRAMS) ? path.join(PROGRAMS, name) : name);

function program(name, args, timeout = 60000) {
  const result = spawnSync(commandOf(name), args, { encoding: 'utf8', timeout, maxBuffer: 1 << 28 });
  if (result.error || result.status !== 0)
    throw new Error(`${name} ${args.join(' ')}: ${result.error ?? `exit ${result.status}`}\n${result.stderr ?? ''}`);
  return result.stdout;
}

// The rows of a statement on PostgreSQL, each a list of texts.
const psql = (url, statement) => ['-X', '-q', '-A', '-t', '-F', '\u001f', '-v', 'ON_ERROR_STOP=1', '-c', statement, '-d', url];
const rowsOf = (out) => out.split('\n').filter(Boolean).map((line) => line.split('\u001f'));

export const sql = (url, statement) => rowsOf(program('psql', psql(url, statement)));

// The same while other things go on.
export async function sqlLater(url, statement, timeout = 60000) {
  const options = { encoding: 'utf8', timeout, maxBuffer: 1 << 28 };
  return rowsOf((await promisify(execFile)(commandOf('psql'), psql(url, statement), options)).stdout);
}

// Ends all sessions of a database that are not this one's own; gives how many.
export async function endSessions(url) {
  const statement = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`;
  return Number((await sqlLater(url, statement))[0][0]);
}

// A server's URL with a database in it; options of the URL stay where they belong.
export function urlOf(base, database) {
  const [hosts, options] = base.split('?');
  return `${hosts.replace(/\/$/, '')}/${database}${options ? `?${options}` : ''}`;
}

const made = new Map(); // data folder → URL

export function databaseOf(dir) {
  if (!POSTGRES) return undefined;
  if (!made.has(dir)) {
    const name = `cp_e2e_${randomBytes(6).toString('hex')}`;
    sql(urlOf(BASE, 'postgres'), `CREATE DATABASE ${name}`);
    made.set(dir, urlOf(BASE, name));
  }
  return made.get(dir);
}

// What tells a command which database belongs to the folder.
export const databaseEnv = (dir) => (POSTGRES ? { CRYPTOPAY_DATABASE: databaseOf(dir) } : {});

export function dropDatabase(dir) {
  const url = made.get(dir);
  if (!url) return;
  made.delete(dir);
  sql(urlOf(BASE, 'postgres'), `DROP DATABASE IF EXISTS ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
}

process.on('exit', () => {
  for (const dir of [...made.keys()])
    try {
      dropDatabase(dir);
    } catch (error) {
      process.stderr.write(`${error.message}\n`);
    }
});

// Everything that a gateway keeps, as { name: bytes }: the files of its folder, and a dump of its PostgreSQL database.
export function everythingStored(dir) {
  const files = readdirSync(dir).map((name) => path.join(dir, name)).filter((name) => statSync(name).isFile());
  const stored = Object.fromEntries(files.map((name) => [name, readFileSync(name)]));
  if (POSTGRES) stored['pg_dump'] = Buffer.from(program('pg_dump', ['--inserts', '-d', databaseOf(dir)]));
  return stored;
}

// Also as PostgreSQL prints bytes.
export const contains = (bytes, text) => bytes.includes(text) || bytes.includes(Buffer.from(text).toString('hex'));

// Is the database sound, as its engine's own programs see it? Gives what they found wrong, '' for nothing.
export function damageOf(dir, url = databaseOf(dir)) {
  if (!url) {
    const result = spawnSync('sqlite3', [path.join(dir, 'cryptopay.db'), 'PRAGMA integrity_check'], { encoding: 'utf8', timeout: 300000 });
    return result.stdout === 'ok\n' ? '' : `${result.error ?? ''}${result.stdout}${result.stderr}`;
  }
  try {
    program('pg_dump', ['-f', '/dev/null', '-d', url], 300000);
    return '';
  } catch (error) {
    return error.message;
  }
}

// What doctor rightly finds bad with the server that tests share: it does not wait for the disk.
export const isOfTestServer = (row) => POSTGRES && row.check === 'durability' && sql(urlOf(BASE, 'postgres'), 'SHOW fsync')[0][0] === 'off';

// For tests of SQLite's own files, which PostgreSQL has not.
export const sqliteTest = POSTGRES ? () => {} : test;
