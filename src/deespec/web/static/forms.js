// What somebody is typing stays, whatever others decide meanwhile: an entry that goes with the live page is kept as
// long as there are words in it, and says why.
"use strict";

(() => {
  const typed = (field) =>
    field.matches("textarea, input[type=text]") ? field.value !== field.defaultValue : false;

  function keep(entry, fresh) {
    const told = entry.querySelector(".overtaken");
    if (told) told.hidden = false;
    const home = entry.parentElement && entry.parentElement.id ? fresh.querySelector(`#${CSS.escape(entry.parentElement.id)}`) : null;
    (home || fresh.querySelector("#kept") || fresh.firstElementChild || fresh).prepend(entry.cloneNode(true));
  }

  document.addEventListener("htmx:after:request", (event) => {
    const { response, sourceElement } = event.detail.ctx;
    const form = sourceElement && sourceElement.closest(".entry form");
    if (form && response && response.status < 300) form.reset();
  });

  document.addEventListener("htmx:before:swap", (event) => {
    for (const task of event.detail.tasks || []) {
      const target = typeof task.target === "string" ? document.querySelector(task.target) : task.target;
      if (!target || target.id !== "main" || !task.fragment) continue;
      for (const entry of target.querySelectorAll(".entry[id]")) {
        const words = [...entry.querySelectorAll("textarea, input")].some(typed);
        if (words && !task.fragment.querySelector(`#${CSS.escape(entry.id)}`)) keep(entry, task.fragment);
      }
    }
  });
})();
