// Writes build/screens/: a picture of every state in every dress, and index.html with all of them, to be looked at.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../e2e/harness.mjs';
import { DRESSES, launch, open, serveStates, states } from './pages.mjs';

const out = path.join(ROOT, 'build/screens');
const only = process.argv[2]; // one state
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const browser = await launch();
const server = await serveStates();
const shown = states().filter((state) => !only || state === only);

for (const dress of Object.keys(DRESSES)) {
  const context = await open(browser, dress);
  const page = await context.newPage();
  for (const state of shown) {
    await page.goto(server.url(DRESSES[dress].lang, state));
    await page.screenshot({ path: path.join(out, `${state}.${dress}.png`), fullPage: true });
  }
  await context.close();
}

const cell = (state, dress) => `<td><a href="${state}.${dress}.png"><img loading="lazy" src="${state}.${dress}.png" alt="${state}, ${dress}"></a></td>`;
const rows = shown.map((state) => `<tr><th scope="row">${state}</th>${Object.keys(DRESSES).map((dress) => cell(state, dress)).join('')}</tr>`);
writeFileSync(
  path.join(out, 'index.html'),
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>Checkout: every state</title>
<style>body{font:16px system-ui;margin:1rem;background:#ddd}th{vertical-align:top;text-align:start;padding:.5rem}td{vertical-align:top;padding:.25rem}img{width:260px;border:1px solid #999}thead th{position:sticky;top:0;background:#ddd}</style>
<h1>Checkout: every state</h1><table><thead><tr><th></th>${Object.keys(DRESSES).map((dress) => `<th scope="col">${dress}</th>`).join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></html>\n`,
);
await browser.close();
server.close();
console.log(`${shown.length * Object.keys(DRESSES).length} pictures: ${path.join(out, 'index.html')}`);
