// Opens the trajectories behind a cell, shows tooltips, sorts tables and moves between cells with the arrow keys.
// Text of agents and environments is only ever set as text, never as HTML.
(() => {
  "use strict";

  const { texts, files, cells } = JSON.parse(document.getElementById("evidence").textContent);
  const reader = document.getElementById("reader");
  const title = document.getElementById("reader-title");
  const content = reader.querySelector(".content");

  const make = (tag, name, ...children) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.append(...children.filter((child) => child !== null));
    return element;
  };
  const number = (value) => String(Math.round(value * 1000) / 1000).replace("-", "\u2212");

  // Trajectories

  const speech = (kind, who, text) => {
    const body = make("pre", "", text);
    body.dir = "auto";
    return make("div", `speech ${kind}`, make("span", "who", who), body);
  };

  const turn = ([observation, answer, action, reward, valid, tokens], index) => {
    const said = texts[answer] !== texts[action] && texts[answer].trim() !== texts[action].trim();
    const facts = make("div", "aside", make("span", "", `turn ${index + 1}`));
    if (!valid) facts.append(make("span", "badge invalid", "invalid action"));
    if (reward) facts.append(make("span", "badge reward", `reward ${number(reward)}`));
    if (tokens) facts.append(make("span", "", `${tokens} tokens`));
    return make(
      "li", valid ? "" : "is-invalid",
      facts,
      speech("observation", "environment", texts[observation]),
      said ? speech("answer", "policy", texts[answer]) : null,
      speech("action", "action", texts[action]),
    );
  };

  const trajectory = (one, index) => {
    const outcome = one.masked ? "masked" : one.success ? "success" : "failure";
    const head = make(
      "summary", "",
      make("span", `badge ${outcome}`, one.masked ? one.status.replaceAll("_", " ") : outcome),
      make("span", "task", one.task),
      make("span", "aside", `sample ${one.sample + 1} · return ${number(one.ret)} · ${one.turns.length} turns · ${one.status.replaceAll("_", " ")}`),
    );
    const turns = make("ol", "turns", ...one.turns.map(turn));
    const details = make("details", "trajectory", head);
    if (one.attempts > 1) details.append(make("p", "said", `Attempt ${one.attempts}: earlier ones failed for reasons of the machine.`));
    if (one.error) details.append(make("p", "said", one.error));
    details.append(turns);
    if (texts[one.final]) details.append(speech("observation final", "environment, at the end", texts[one.final]));
    details.open = index === 0;
    return details;
  };

  const show = (anchor) => {
    const cell = cells[anchor];
    if (!cell) return;
    title.textContent = cell.title;
    const figures = make("dl", "figures", ...cell.figures.map(([label, value]) => make("div", "", make("dt", "", label), make("dd", "", value))));
    const said = make("p", "said", cell.said, cell.file ? make("code", "", cell.file) : null);
    const list = (files[cell.file] || []).map(trajectory);
    content.replaceChildren(figures, said, ...list);
    hide();
    if (!reader.open) reader.showModal();
    content.scrollTop = 0;
    title.focus({ preventScroll: true });
    if (location.hash !== `#${anchor}`) history.replaceState(null, "", `#${anchor}`);
  };

  const opened = () => { if (location.hash.startsWith("#cell-")) show(location.hash.slice(1)); };
  reader.querySelector(".close").addEventListener("click", () => reader.close());
  reader.addEventListener("click", (event) => { if (event.target === reader) reader.close(); });
  reader.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
  window.addEventListener("hashchange", opened);

  // Cells: click, and arrow keys within a table

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-cell]");
    if (button) show(button.dataset.cell);
  });

  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  document.addEventListener("keydown", (event) => {
    const button = event.target.closest?.("[data-cell]");
    const step = steps[event.key];
    if (!button || !step) return;
    const cell = button.closest("td");
    const rows = [...cell.closest("table").querySelectorAll("tbody tr")];
    const row = rows[rows.indexOf(cell.parentElement) + step[0]];
    const next = row?.children[cell.cellIndex + step[1]]?.querySelector("[data-cell]");
    if (next) next.focus();
    event.preventDefault();
  });

  // Tooltips

  const tip = make("div", "tip");
  tip.setAttribute("aria-hidden", "true");
  tip.hidden = true;
  document.body.append(tip);
  function hide() { tip.hidden = true; }
  const hover = (event) => {
    const owner = event.target.closest?.("[data-tip]");
    if (!owner || reader.open) return hide();
    tip.textContent = owner.dataset.tip;
    tip.hidden = false;
    const box = owner.getBoundingClientRect();
    const left = Math.min(Math.max(8, box.left + box.width / 2 - tip.offsetWidth / 2), document.documentElement.clientWidth - tip.offsetWidth - 8);
    const above = box.top - tip.offsetHeight - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : box.bottom + 8}px`;
  };
  document.addEventListener("pointerover", hover);
  document.addEventListener("focusin", hover);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { passive: true, capture: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  // Sorting: numbers by size, names by name, missing figures last

  document.querySelectorAll("table.sortable").forEach((table) => {
    const body = table.tBodies[0];
    table.querySelectorAll("thead th").forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        table.querySelectorAll("thead th").forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => row.children[column].dataset.key;
        const compare = (a, b) => {
          if (a === "" || b === "") return (a === "") - (b === "");
          const order = isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
          return down ? -order : order;
        };
        body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
      });
    });
  });

  opened();
})();
