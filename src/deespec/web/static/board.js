// What a page needs beside htmx: durations that go on, a stream only while the page is seen, and a word when it is lost.
"use strict";

// Of a browser's windows one holds the stream and tells the others: a browser has few connections to one host.
(() => {
  const LOCK = "deespec-stream";
  const FETCHES_PER_S = 40; // of all windows together, as in live.py
  const windows = navigator.locks && "BroadcastChannel" in globalThis ? new BroadcastChannel(LOCK) : null;
  const live = () => document.getElementById("live");

  function said(ms) {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    const [day, hour, minute, second] = document.documentElement.lang === "ja" ? ["日", "時間", "分", "秒"] : ["d", "h", "min", "s"];
    if (seconds < 60) return `${seconds} ${second}`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} ${minute}`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} ${hour} ${Math.floor((seconds % 3600) / 60)} ${minute}`;
    return `${Math.floor(seconds / 86400)} ${day}`;
  }

  let ahead = 0; // of the board's clock, which says when something began

  function tick() {
    if (document.hidden) return;
    for (const time of document.querySelectorAll("time[data-since]")) {
      const lasts = said(Date.now() - ahead - Number(time.dataset.since));
      const text = time.dataset.ago ? time.dataset.ago.replace("…", lasts) : lasts;
      if (time.textContent !== text) time.textContent = text;
    }
  }

  // --- who holds the stream ---

  let holds = !windows; // without locks each window has a stream of its own
  let place = null; // in the queue for it, or at its head
  let stream = null;

  function connect() {
    if (holds && !document.hidden) live()?.dispatchEvent(new Event("visible-now"));
  }

  function queue() {
    if (!windows || place) return;
    const mine = place = new AbortController();
    const left = new Promise((leave) => mine.signal.addEventListener("abort", leave));
    const held = navigator.locks.request(LOCK, { signal: mine.signal }, () => {
      holds = true;
      connect();
      return left;
    });
    held.catch(() => {}); // it left the queue
    windows.postMessage({ asks: true });
  }

  function leave() {
    if (!windows) return;
    holds = false;
    stream?.reader?.cancel();
    place?.abort();
    place = null;
  }

  function connecting(event) {
    if (!holds) event.preventDefault(); // it was given up meanwhile
  }

  function connected(event) {
    stream = event.detail.connection;
    if (!holds) setTimeout(() => stream.reader?.cancel());
    isLost(false);
  }

  // --- what it says ---

  let newest = "";
  let fetched = 0;
  let fetching = null;
  let lost = { yes: false };

  async function tell() {
    const told = { newest, lost, windows: (await navigator.locks.query()).pending.length + 1 };
    windows.postMessage(told);
    return told;
  }

  function hear(told) {
    if (told.asks) {
      if (holds) tell();
      return;
    }
    showLost(told.lost);
    if (told.newest !== newest) fetchSoon(told);
  }

  function fetchSoon(told) {
    newest = told.newest;
    if (fetching || document.hidden) return; // who is seen again fetches anyway
    const pause = fetched + (1000 * told.windows) / FETCHES_PER_S - Date.now();
    fetching = setTimeout(() => {
      fetching = null;
      fetched = Date.now();
      live()?.dispatchEvent(new Event("news"));
    }, Math.max(0, pause));
  }

  function streamed(event) {
    const version = event.detail?.id;
    if (!windows || !version || event.target.id !== "live") return;
    event.stopImmediatePropagation();
    newest = version;
    tell().then(fetchSoon);
  }

  function isLost(yes, status) {
    showLost({ yes, status });
    if (windows && holds) tell();
  }

  function showLost(now) {
    lost = now;
    const told = document.getElementById("lost");
    if (!told) return;
    told.hidden = !now.yes;
    told.textContent = now.status === 401 ? told.dataset.signedOut : told.dataset.silent;
  }

  // --- begin, and how it goes on ---

  function seen() {
    if (document.hidden) return leave();
    queue();
    connect();
    live()?.dispatchEvent(new Event("news")); // whatever was missed
  }

  function begin() {
    if (!live()) return;
    newest = new URLSearchParams(live().getAttribute("hx-sse:connect").split("?")[1]).get("seen");
    document.addEventListener("visibilitychange", seen);
    if (!document.hidden) queue();
    connect();
  }

  if (windows) windows.onmessage = (event) => hear(event.data);
  document.addEventListener("news", streamed, true);
  document.addEventListener("htmx:sse:before:connection", connecting);
  document.addEventListener("htmx:sse:error", (event) => isLost(true, event.detail?.status));
  document.addEventListener("htmx:error", (event) => { if (event.target.id === "live") isLost(true); }); // no stream yet
  document.addEventListener("htmx:sse:after:connection", connected);
  document.addEventListener("DOMContentLoaded", () => {
    ahead = Date.now() - (Number(document.body.dataset.now) || Date.now());
    begin(); // htmx, read before, has been through the page by now
    setInterval(tick, 1000);
    setInterval(connect, 5000); // one that was refused; an open stream is left as it is
  });
})();

// What an agent says while it works is no change of the backlog: it is asked for each second, while the page is seen.
// A log stays at its end for whoever reads there, and is bounded.
(() => {
  const ENTRIES_MOST = 3000;

  function watch(log) {
    const list = log.querySelector("ol");
    if (!list || log.dataset.watched) return;
    log.dataset.watched = "yes";
    const toEnd = () => { log.scrollTop = log.scrollHeight; };
    let atEnd = true;
    log.addEventListener("scroll", () => { atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40; });
    const join = () => {
      for (const entry of list.querySelectorAll("[data-goes-on]")) {
        const before = entry.previousElementSibling?.querySelector(".heard-text");
        entry.removeAttribute("data-goes-on");
        if (!before) continue;
        before.append(entry.querySelector(".heard-text").textContent);
        entry.remove();
      }
    };
    new MutationObserver(() => {
      join();
      while (atEnd && list.childElementCount > ENTRIES_MOST) list.firstElementChild.remove();
      if (atEnd) toEnd();
    }).observe(list, { childList: true });
    join();
    toEnd();
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-log]").forEach(watch);
    setInterval(() => {
      if (document.hidden) return;
      for (const live of document.querySelectorAll("[data-live]")) live.dispatchEvent(new Event("log-now"));
    }, 1000);
  });
})();
