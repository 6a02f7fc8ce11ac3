// What a page needs beside htmx: durations that go on, a stream only while the page is seen, and a word when it is lost.
"use strict";

(() => {
  const lost = () => document.getElementById("lost");

  function said(ms) {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
    return `${Math.floor(seconds / 86400)} d`;
  }

  function tick() {
    if (document.hidden) return;
    for (const time of document.querySelectorAll("time[data-since]")) {
      const text = said(Date.now() - Number(time.dataset.since));
      if (time.textContent !== text) time.textContent = text;
    }
  }

  function connect() {
    const live = document.getElementById("live");
    if (live && !document.hidden) live.dispatchEvent(new Event("visible-now"));
  }

  function isLost(yes, status) {
    const told = lost();
    if (!told) return;
    told.hidden = !yes;
    told.textContent = status === 401 ? told.dataset.signedOut : told.dataset.silent;
  }

  function seen() {
    connect();
    if (!document.hidden) document.getElementById("live")?.dispatchEvent(new Event("news")); // whatever was missed
  }

  document.addEventListener("htmx:after:process", (event) => { if (event.target === document.body) connect(); });
  document.addEventListener("visibilitychange", seen);
  document.addEventListener("htmx:sse:error", (event) => isLost(true, event.detail?.status));
  document.addEventListener("htmx:error", (event) => { if (event.target.id === "live") isLost(true); }); // no stream yet
  document.addEventListener("htmx:sse:after:connection", () => isLost(false));
  document.addEventListener("DOMContentLoaded", () => {
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
    new MutationObserver(() => {
      for (const entry of list.querySelectorAll("[data-goes-on]")) {
        const before = entry.previousElementSibling?.querySelector(".said");
        entry.removeAttribute("data-goes-on");
        if (!before) continue;
        before.append(entry.querySelector(".said").textContent);
        entry.remove();
      }
      while (atEnd && list.childElementCount > ENTRIES_MOST) list.firstElementChild.remove();
      if (atEnd) toEnd();
    }).observe(list, { childList: true });
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
