// The template compiler: what it refuses, and that what it makes is refused by the C compiler where it should be.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ROOT } from './harness.mjs';

const dir = mkdtempSync(path.join(tmpdir(), 'cryptopay-template-'));
after(() => rmSync(dir, { recursive: true, force: true }));
mkdirSync(path.join(dir, 'http'));
writeFileSync(
  path.join(dir, 'http/v.h'),
  '#pragma once\n#include "http/html.h"\n#include "out.h"\nstruct item { struct str name; };\nenum kind { A, B };\n' +
    'struct v { enum lang lang; struct str s; int n; bool yes; enum kind kind; struct markup m; struct item list[2]; int n_list; };\n',
);

function compile(html, { en = 'language = English\nhello = Hello {s}', xx = 'language = X\nhello = {s}, hi' } = {}) {
  const files = { 'en.txt': en, 'xx.txt': xx, 'page.html': `{{view v}}\n${html}` };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text);
  const args = [path.join(dir, 'out'), ...Object.keys(files).map((name) => path.join(dir, name))];
  const made = spawnSync(path.join(ROOT, 'build/tools/template'), args, { encoding: 'utf8' });
  return { code: made.status, error: made.stderr };
}

function cc(...args) {
  return spawnSync('cc', ['-std=c17', '-D_GNU_SOURCE', '-Wall', '-Werror', `-I${ROOT}/src`, `-I${dir}`, ...args], { encoding: 'utf8' });
}

const builds = (html) => {
  const made = compile(html);
  assert.equal(made.code, 0, made.error);
  return cc('-fsyntax-only', path.join(dir, 'out.c')).status === 0;
};

test('renders values, conditions, loops and texts', () => {
  assert.equal(compile('{{# remark}}<p title="{{s}}">{{s}}{{m}}</p>{{if yes}}yes{{else}}no{{end}}{{if kind is B}}B{{end}}' +
    '{{if !n}}none{{elif yes}}some{{end}}{{for i in list}}[{{i.name}}]{{end}}<a href="{{s}}">{{t hello}}</a><title>{{t hello}}</title>').code, 0);
  writeFileSync(
    path.join(dir, 'main.c'),
    '#include "http/v.h"\n#include <stdio.h>\nint main(void) { struct arena a; arena_init(&a, 1 << 20); struct buf o; buf_init(&o, &a, 9999);\n' +
      'struct v v = {.lang = LANG_XX, .s = STR("javascript:<\\"&"), .n = 1, .yes = true, .kind = B, .m = {STR("<b>")}, .list = {{STR("1")}, {STR("2")}}, .n_list = 2};\n' +
      'html_page(&o, &v); fwrite(o.p, 1, o.n, stdout); return 0; }\n',
  );
  const exe = path.join(dir, 'main');
  const built = cc('-o', exe, path.join(dir, 'main.c'), path.join(dir, 'out.c'), `${ROOT}/src/http/html.c`, `${ROOT}/src/base/str.c`, `${ROOT}/src/base/arena.c`);
  assert.equal(built.status, 0, built.stderr);
  const s = 'javascript:&lt;&#34;&amp;';
  assert.equal(
    spawnSync(exe, { encoding: 'utf8' }).stdout.trim(),
    `<p title="${s}">${s}<b></p>yesBsome[1][2]<a href="#"><bdi>${s}</bdi>, hi</a><title>${s}, hi</title>`,
  );
});

test('an unknown member, or markup in an attribute, does not compile as C', () => {
  assert.ok(builds('<p title="{{s}}">{{m}}</p>'));
  assert.ok(!builds('{{nothing}}'));
  assert.ok(!builds('{{if nothing}}{{end}}'));
  assert.ok(!builds('{{for i in list}}{{i.nothing}}{{end}}'));
  assert.ok(!builds('<p title="{{m}}"></p>'));
  assert.ok(!builds('<title>{{m}}</title>'));
});

test('a value where it cannot be escaped safely is refused', () => {
  for (const html of ['<p title={{s}}>', '<{{s}}>', '<p {{s}}="x">', '<script>{{s}}</script>', '<style>{{s}}</style>', '<p onclick="{{s}}">', '<p style="{{s}}">', '<p title = "{{s}}">', "<p title='{{s}}'>"]) {
    const made = compile(html);
    assert.equal(made.code, 1, html);
  }
});

test('mistakes in templates are named', () => {
  for (const [html, message] of [
    ['{{if yes}}', /without {{end}}/],
    ['{{end}}', /page.html:2: .*without what it belongs to/],
    ['<p', /inside a tag/],
    ['{{t nothing}}', /no text has the key nothing/],
    ['{{asset x.css}}', /no asset is called x.css/],
    ['{{s', /without }}/],
    ['{{s;drop}}', /not a member/],
  ]) {
    const made = compile(html);
    assert.equal(made.code, 1, html);
    assert.match(made.error, message);
  }
});

test('languages have the same keys and placeholders', () => {
  const language = 'language = X\n';
  for (const [xx, message] of [
    [language, /missing key hello/],
    [`${language}hello = {s}\nmore = x`, /unknown key more/],
    [`${language}hello = hi`, /other placeholders/],
    [`${language}hello = {s} {n}`, /other placeholders/],
    [`${language}hello = {s}\nhello = {s}`, /repeated/],
    [`${language}hello`, /expected key = text/],
    [`${language}hello = {s`, /placeholders/],
  ]) {
    const made = compile('x', { xx });
    assert.equal(made.code, 1, xx);
    assert.match(made.error, message);
  }
});

test('assets are named by their bytes', () => {
  const name = () => readFileSync(path.join(dir, 'out.h'), 'utf8').match(/"(a\.[0-9a-f]{16}\.css)"/)[1];
  const make = (css) => {
    writeFileSync(path.join(dir, 'a.css'), css);
    spawnSync(path.join(ROOT, 'build/tools/template'), [path.join(dir, 'out'), path.join(dir, 'en.txt'), path.join(dir, 'a.css')]);
    return name();
  };
  compile('x');
  assert.notEqual(make('p{}'), make('q{}'));
  assert.equal(make('p{}'), make('p{}'));
});
