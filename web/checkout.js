// Live updates, copying, the countdown. The page does everything without it, too, only less comfortably.
(() => {
  'use strict';
  const say = document.getElementById('say');
  const texts = document.body.dataset;
  const lang = document.documentElement.lang;
  const query = new URLSearchParams(location.search);
  const POLL_LIMIT_MS = 30000, RETRY_MS = 1000, RETRY_MAX_MS = 15000;
  const live = () => document.getElementById('live');
  const BLOCK_S = 3;
  let end = 0, warn = 0, count = null, announced = Infinity, leaving = 0, stay = false, polling = null;

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const visible = () => document.visibilityState === 'visible' ? Promise.resolve() :
    new Promise((done) => document.addEventListener('visibilitychange', done, {once: true}));

  // The visitor's own time, UTC beside it.
  function localTimes(root) {
    for (const t of root.querySelectorAll('time')) {
      const at = new Date(t.dateTime), today = !t.closest('.receipt') && at.toDateString() === new Date().toDateString();
      const shown = at.toLocaleString(lang, today ? {timeStyle: 'short'} : {dateStyle: 'medium', timeStyle: 'short'});
      const utc = at.toISOString().slice(11, 16) + ' UTC';
      t.textContent = at.getTimezoneOffset() ? `${shown} (${utc})` : `${shown} UTC`;
    }
  }

  async function copy(button) {
    const source = document.getElementById(button.dataset.copy), text = source.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch { // plain http, or refused
      getSelection().selectAllChildren(source);
      if (!document.execCommand('copy')) return;
      getSelection().removeAllRanges();
    }
    const before = button.dataset.label ||= button.textContent;
    button.textContent = say.textContent = texts.copied;
    button.classList.add('copied');
    setTimeout(() => {
      button.textContent = before;
      button.classList.remove('copied');
    }, 2000);
  }

  // The chain goes on while the page waits for news: a block each 3 s.
  function countOn() {
    const words = document.getElementById('blocks');
    if (!words || !count) return;
    const gone = (performance.now() - count.since) / 1000;
    const done = Math.min(count.needed, count.done + Math.floor(gone / BLOCK_S));
    const shown = words.querySelectorAll('bdi');
    shown[0].textContent = document.getElementById('blocks-bar').value = done;
    shown[1].textContent = document.getElementById('blocks-bar').max = count.needed;
    document.querySelector('#seconds bdi').textContent = Math.max(BLOCK_S, Math.ceil(count.seconds - gone));
  }
  function countFrom(done, needed, seconds) {
    count = needed ? {done: Number(done), needed: Number(needed), seconds: Number(seconds), since: performance.now()} : null;
    countOn();
  }

  function tick() {
    countOn();
    const timer = document.getElementById('timer');
    if (!timer || !end) return;
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    timer.hidden = left > warn;
    if (!timer.hidden) {
      const clock = Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0');
      timer.textContent = timer.textContent.replace(/\d+(:\d+)?/, clock);
    }
    if (!left) { // the time alone has changed what is to be shown
      end = 0;
      polling?.abort('again');
    }
    for (const minutes of [5, 2, 1])
      if (left <= minutes * 60 && left > (minutes - 1) * 60 && announced > minutes) {
        announced = minutes;
        if (left > minutes * 60 - 5) say.textContent = texts['min' + minutes];
      }
  }

  function leave() {
    const going = document.querySelector('.going'), link = document.querySelector('.next a');
    clearTimeout(leaving);
    if (!going || stay) return;
    going.hidden = false;
    leaving = setTimeout(() => location.assign(link.href), live().dataset.next * 1000);
  }
  function remain() {
    stay = true;
    clearTimeout(leaving);
    const going = document.querySelector('.going');
    if (going) going.hidden = true;
  }

  function start() {
    const root = live(), data = root.dataset;
    end = data.left ? performance.now() + data.left * 1000 : 0;
    warn = Number(data.warn || 0);
    announced = Infinity;
    countFrom(data.done, data.needed, data.seconds);
    localTimes(root);
    for (const b of root.querySelectorAll('[data-copy], #print')) b.hidden = false;
    tick();
    leave();
  }

  // Puts the new state in the old one's place; what is open stays open, what is typed stays, and the focus where it was.
  function replace(html) {
    const old = live(), fresh = document.createElement('template');
    const focus = document.activeElement?.id, open = [...old.querySelectorAll('details[open]')].map((d) => d.id);
    const changed = old.dataset.state, typed = document.getElementById('txid')?.value;
    fresh.innerHTML = html;
    old.replaceWith(fresh.content.firstElementChild);
    for (const id of open) document.getElementById(id)?.setAttribute('open', '');
    if (typed && document.getElementById('txid')) document.getElementById('txid').value = typed;
    if (focus) document.getElementById(focus)?.focus();
    start();
    if (live().dataset.state === changed) return;
    document.getElementById('answer')?.remove();
    const title = live().querySelector('h1').textContent;
    document.title = document.title.replace(/^(TEST · )?[^–]*/, `$1${title} `);
    say.textContent = [...live().querySelectorAll('.head h1, .head p')].map((e) => e.textContent).join(' ');
    scrollTo(0, 0);
  }

  async function ask() {
    const {id, version, state, delayed} = live().dataset;
    const gone = polling = new AbortController(), limit = setTimeout(() => gone.abort(), POLL_LIMIT_MS);
    const hide = () => document.visibilityState === 'hidden' && gone.abort();
    document.addEventListener('visibilitychange', hide);
    try {
      const url = new URLSearchParams({id, v: version, s: state, d: delayed, lang: query.get('lang') || lang});
      const answer = await fetch('status?' + url, {signal: gone.signal, cache: 'no-store'});
      if (!answer.ok) throw new Error(answer.status);
      return await answer.json();
    } finally {
      clearTimeout(limit);
      document.removeEventListener('visibilitychange', hide);
    }
  }

  async function follow() {
    let wait = RETRY_MS;
    while (live().dataset.id) {
      await visible();
      try {
        const news = await ask();
        if (say.textContent === texts.offline) say.textContent = '';
        document.body.classList.remove('offline');
        wait = RETRY_MS;
        if (news.html) replace(news.html);
        else if (news.blocks_needed) countFrom(news.blocks_done, news.blocks_needed, news.seconds_left);
        if (news.blocks_needed && news.state === 'confirming' && !document.getElementById('blocks')) live().dataset.version = 0; // there is something to count now: ask for it
      } catch (problem) {
        if (problem === 'again' || document.visibilityState === 'hidden') continue;
        if (wait > RETRY_MS) {
          say.textContent = texts.offline;
          document.body.classList.add('offline');
        }
        await pause(wait);
        wait = Math.min(wait * 2, RETRY_MAX_MS);
      }
    }
  }

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    if (button.dataset.copy) copy(button);
    if (button.id === 'print') print();
    if (button.id === 'print' || button.id === 'stay') remain();
  });
  addEventListener('beforeprint', remain);
  document.addEventListener('toggle', (event) => event.target.id === 'claim' && event.target.open && remain(), true); // there is something to fill in
  const answer = document.getElementById('answer'); // of a form: loading it again must not send that again
  if (answer) {
    history.replaceState(null, '', answer.dataset.home);
    stay = true;
  }
  setInterval(tick, 1000);
  start();
  follow();
})();
