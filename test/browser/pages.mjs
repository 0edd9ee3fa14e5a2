// Chromium, and the rendered states of the checkout behind a small server with the headers that the gateway sends.
import { createReadStream, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { ROOT } from '../e2e/harness.mjs';

export const STATES = path.join(ROOT, 'build/states');
export const LANGUAGES = ['en', 'ru', 'es', 'zh', 'ar'];
export const states = () => readdirSync(path.join(STATES, 'en')).map((name) => path.basename(name, '.html'));

// As root Chromium refuses its sandbox; the rest keeps it from talking to anybody.
export async function launch() {
  const profile = mkdtempSync(path.join(tmpdir(), 'cryptopay-browser-'));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
    env: { ...process.env, HOME: profile, TZ: 'Europe/Berlin' },
  });
  browser.on('disconnected', () => rmSync(profile, { recursive: true, force: true }));
  return browser;
}

export const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8' };

// Serves /LANG/STATE.html; a long poll is left waiting, as the gateway would.
export async function serveStates() {
  const waiting = new Set();
  const server = http.createServer((req, res) => {
    const file = path.join(STATES, path.normalize(new URL(req.url, 'http://x').pathname));
    if (file.endsWith('/status')) return void waiting.add(res);
    if (!file.startsWith(STATES) || !existsSync(file)) return void res.writeHead(404).end();
    res.writeHead(200, { 'Content-Type': TYPES[path.extname(file)], 'Content-Security-Policy': POLICY });
    createReadStream(file).pipe(res);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  return {
    url: (lang, state) => `http://127.0.0.1:${port}/${lang}/${state}.html`,
    close: () => {
      server.closeAllConnections?.();
      server.close();
    },
  };
}

export const DRESSES = {
  light: { lang: 'en', viewport: { width: 1100, height: 900 }, colorScheme: 'light' },
  dark: { lang: 'en', viewport: { width: 1100, height: 900 }, colorScheme: 'dark' },
  phone: { lang: 'en', viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  narrow: { lang: 'ru', viewport: { width: 320, height: 640 }, colorScheme: 'dark' },
  'right-to-left': { lang: 'ar', viewport: { width: 390, height: 844 }, colorScheme: 'light' },
};

// A context in which the shop's own site answers nothing: a page that goes on to it by itself stays where it is.
export async function open(browser, dress) {
  const { viewport, colorScheme } = DRESSES[dress];
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce' });
  await context.route('https://teahouse.example/**', (route) => route.fulfill({ status: 204 }));
  return context;
}
