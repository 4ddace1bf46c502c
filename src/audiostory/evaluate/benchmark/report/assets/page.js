"use strict";
(() => {
  const { systems, columns, items } = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const NONE = "–";
  let shown = []; // indices of items, as they are filtered and sorted
  let current = null; // index of the item that keys are about
  let last = null; // the player heard last

  // ---- small things -----------------------------------------------------------------------

  /** An element with attributes and children; texts become text, never markup. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  /** Seconds as m:ss.t */
  function clock(seconds) {
    const tenths = Math.round(10 * seconds);
    const rest = String(Math.floor((tenths % 600) / 10)).padStart(2, "0");
    return `${Math.floor(tenths / 600)}:${rest}.${tenths % 10}`;
  }

  const figure = (value, column) => (value === null || value === undefined ? NONE : value.toFixed(column.decimals));
  const arrow = (column) => ({ lower: " ↓", higher: " ↑", neither: "" })[column.better];
  const isAnswered = (answer) => answer !== null && answer.refusal === "";
  const option = (value, text) => make("option", { value }, text);

  // ---- one item ---------------------------------------------------------------------------

  function article(item, index) {
    const asked = item.duration_s === null ? "any length" : `${item.duration_s} s`;
    const facts = make("p", { class: "facts" },
      make("a", { href: `#item-${item.id}` }, item.id),
      item.stratum ? make("span", {}, item.stratum) : null,
      make("span", {}, `asked: ${asked}`),
      make("span", { class: "sorted" }));
    const body = make("div", { class: "body" });
    const made = make("article", { id: `item-${item.id}`, tabindex: "-1", "aria-labelledby": `text-${index}` },
      facts, make("h3", { id: `text-${index}` }, item.text), body);
    made.addEventListener("focusin", () => choose(index));
    made.addEventListener("click", () => choose(index));
    return made;
  }

  function draw(index) {
    const body = articles[index].querySelector(".body");
    if (body.classList.contains("drawn")) return;
    body.classList.add("drawn");
    const item = items[index];
    body.append(make("div", { class: "systems" }, ...systems.map((system, place) => card(item, system, place))));
    if (columns.length) body.append(scores(item));
    for (const one of body.querySelectorAll("details")) one.open = byId("open").checked;
    mark(index);
  }

  function card(item, system, place) {
    const answer = item.answers[place];
    const name = make("p", { class: "name" },
      place < 9 ? make("kbd", {}, String(place + 1)) : null,
      make("span", { title: system.described }, system.name),
      isAnswered(answer) ? make("small", {}, clock(answer.duration_s)) : null,
      make("span", { class: "shown" }));
    const made = make("div", { class: "system", role: "group", "aria-label": system.name }, name);
    if (answer === null) made.append(make("p", { class: "aside" }, "Not answered yet."));
    else if (!isAnswered(answer)) made.append(make("p", { class: "refusal" }, `Refused: ${answer.refusal}`));
    else made.append(...sound(item, system, answer), plan(system, answer.plan));
    return made;
  }

  function sound(item, system, answer) {
    const file = encodeURIComponent(item.id);
    const audio = make("audio", {
      controls: true, preload: "none", src: `${system.tracks}${file}.flac`,
      "aria-label": `${system.name}: ${item.id}`,
    });
    const head = make("i", { hidden: true });
    const image = make("img", {
      src: `${system.pictures}${file}.png`, loading: "lazy", width: "480", height: "120",
      alt: `Spectrogram of ${system.name}, ${clock(answer.duration_s)}`,
    });
    const picture = make("div", { class: "picture" }, image, head);
    const axis = make("p", { class: "axis", "aria-hidden": "true" },
      make("span", {}, clock(0)), make("span", {}, clock(item.span_s / 2)), make("span", {}, clock(item.span_s)));
    const missing = (what) => make("p", { class: "problem" }, what);
    image.addEventListener("error", () => picture.replaceWith(missing("The picture is not there: write the report again.")));
    audio.addEventListener("error", () => audio.after(missing("The track cannot be played: is it still beside the report?")), { once: true });
    picture.addEventListener("click", (event) => {
      const box = picture.getBoundingClientRect();
      const time = ((event.clientX - box.left) / box.width) * item.span_s;
      audio.currentTime = Math.min(time, Math.max(0, answer.duration_s - 0.05));
      play(audio);
    });
    const move = () => {
      head.hidden = false;
      head.style.left = `calc(${(100 * audio.currentTime) / item.span_s}% - 1px)`;
      if (!audio.paused) requestAnimationFrame(move);
    };
    audio.addEventListener("play", () => {
      if (audio.paused) return; // told late: another was begun meanwhile
      letOnly(audio);
      audio.closest(".system").classList.add("sounding");
      move();
    });
    audio.addEventListener("pause", () => audio.closest(".system").classList.remove("sounding"));
    audio.addEventListener("seeked", move);
    const softer = answer.attenuated_db > 0
      ? make("p", { class: "aside" }, `Turned down by ${answer.attenuated_db} dB to be kept.`) : "";
    return [picture, axis, audio, softer];
  }

  function plan(system, found) {
    if (found === null) return "";
    const line = ([start, end, ...texts]) => make("li", {},
      make("time", {}, `${clock(start)}–${clock(end)}`), make("span", {}, texts.filter(Boolean).join(" — ")));
    const made = make("details", { class: "plan" }, make("summary", {},
      `Plan: ${found.clips.length} ${found.clips.length === 1 ? "clip" : "clips"}${system.has_own_plan ? "" : ", not its own"}`));
    made.append(make("ol", {}, ...found.clips.map(line)));
    made.append(make("h4", {}, "Storyline"));
    if (found.summary) made.append(make("p", {}, found.summary));
    made.append(make("ol", {}, ...found.events.map(line)));
    return made;
  }

  function scores(item) {
    const heads = make("tr", {}, make("th", { scope: "col" }, "score"),
      ...systems.map((system) => make("th", { scope: "col" }, system.name)));
    const rows = [];
    let group = null;
    columns.forEach((column, place) => {
      const values = item.answers.map((answer) => (isAnswered(answer) ? answer.scores[place] : null));
      if (values.every((value) => value === null)) return;
      if (column.group !== group) {
        group = column.group;
        rows.push(make("tr", {}, make("th", { colspan: String(systems.length + 1), scope: "colgroup" }, group)));
      }
      const best = bestOf(values, column);
      rows.push(make("tr", {}, make("th", { scope: "row" }, column.title + arrow(column)),
        ...values.map((value, k) => make("td", { class: value === null ? "none" : null },
          k === best ? make("strong", {}, figure(value, column)) : figure(value, column)))));
    });
    const table = make("table", { class: "scores" }, make("caption", {}, "Scores of this item; bold: best, references aside"),
      make("thead", {}, heads), make("tbody", {}, ...rows));
    const frame = make("div", { class: "frame", tabindex: "0", role: "region", "aria-label": `Scores of ${item.id}` }, table);
    return make("details", {}, make("summary", {}, "Scores"), frame);
  }

  /** Place of the best value among systems that are no reference; null where none is alone the best. */
  function bestOf(values, column) {
    if (column.better === "neither") return null;
    const able = values.map((value, k) => (systems[k].is_reference ? null : value));
    const known = able.filter((value) => value !== null);
    if (known.length < 2) return null;
    const best = column.better === "lower" ? Math.min(...known) : Math.max(...known);
    return known.filter((value) => value === best).length === 1 ? able.indexOf(best) : null;
  }

  // ---- which items, in which order --------------------------------------------------------

  const scoreAt = (item, system, column) => (isAnswered(item.answers[system]) ? item.answers[system].scores[column] : null);

  /** What an item is sorted by; null where it has no such score. */
  function sortValue(item) {
    const own = scoreAt(item, +byId("system").value, +byId("score").value);
    if (byId("less").value === "" || own === null) return own;
    const other = scoreAt(item, +byId("less").value, +byId("score").value);
    return other === null ? null : own - other;
  }

  function arrange() {
    const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const stratum = byId("stratum").value;
    const isSorted = byId("score").value !== "";
    for (const name of ["system", "less", "way"]) byId(name).disabled = !isSorted;
    shown = items.map((_, index) => index).filter((index) => {
      const text = `${items[index].id} ${items[index].text}`.toLowerCase();
      return (stratum === "" || strata[+stratum] === items[index].stratum) && words.every((word) => text.includes(word));
    });
    let without = 0;
    if (isSorted) {
      const values = new Map(shown.map((index) => [index, sortValue(items[index])]));
      const way = +byId("way").value;
      shown.sort((a, b) => {
        const [one, other] = [values.get(a), values.get(b)];
        if (one === null || other === null) return (one === null) - (other === null) || a - b;
        return way * (one - other) || a - b;
      });
      without = shown.filter((index) => values.get(index) === null).length;
    }
    const isShown = new Set(shown);
    articles.forEach((one, index) => { one.hidden = !isShown.has(index); });
    byId("list").append(...shown.map((index) => articles[index]));
    shown.forEach(mark);
    if (last !== null && last.closest("article").hidden) last.pause();
    if (!isShown.has(current)) choose(shown.length ? shown[0] : null);
    byId("count").textContent = `${shown.length} of ${items.length} items`
      + (without ? `; ${without} without this score stand last` : "");
  }

  /** Write the values that items are sorted by beside them. */
  function mark(index) {
    const column = columns[+byId("score").value];
    const isSorted = byId("score").value !== "";
    const label = articles[index].querySelector(".sorted");
    const value = isSorted ? sortValue(items[index]) : null;
    const less = byId("less").value === "" ? "" : ` less ${systems[+byId("less").value].name}`;
    label.textContent = isSorted ? `${column.title} of ${systems[+byId("system").value].name}${less}: ${figure(value, column)}` : "";
    articles[index].querySelectorAll(".shown").forEach((one, place) => {
      one.textContent = isSorted ? figure(scoreAt(items[index], place, +byId("score").value), column) : "";
    });
  }

  function choose(index) {
    if (index === current) return;
    if (current !== null) articles[current].classList.remove("current");
    current = index;
    if (index !== null) articles[index].classList.add("current");
  }

  function go(step) {
    if (!shown.length) return;
    const place = shown.indexOf(current) + step;
    const next = shown[Math.max(0, Math.min(shown.length - 1, place))];
    choose(next);
    draw(next);
    articles[next].focus({ preventScroll: true });
    articles[next].scrollIntoView({ block: "start", behavior: "auto" });
  }

  // ---- playing ----------------------------------------------------------------------------

  /** Pause whatever else sounds: a new track is not to be heard over an old one. */
  function letOnly(audio) {
    if (last !== null && last !== audio) last.pause();
    last = audio;
  }

  /** Play; what keeps a track from sounding is told beside it by its error event. */
  function play(audio) {
    letOnly(audio);
    audio.play().catch((error) => {
      if (error.name !== "AbortError" && audio.error === null) console.warn(error);
    });
  }

  const toggle = (audio) => (audio.paused ? play(audio) : audio.pause());

  function playSystem(place) {
    if (current === null || place >= systems.length) return;
    draw(current);
    const audio = articles[current].querySelectorAll(".system")[place].querySelector("audio");
    if (audio !== null) toggle(audio);
  }

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest("input:not([type=checkbox]), select, textarea")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (event.key === "j" || event.key === "k") go(event.key === "j" ? 1 : -1);
    else if (/^[1-9]$/.test(event.key)) playSystem(+event.key - 1);
    else if (event.key === "/") byId("find").focus();
    else if (event.key === " " && !target.closest("input, button, summary, a, audio")) {
      if (last !== null) toggle(last);
      else playSystem(0);
    } else return;
    event.preventDefault();
  });

  // ---- explanations of headings -----------------------------------------------------------

  let explained = null; // the element whose explanation is shown

  function showTip(element) {
    const tip = byId("tip");
    const box = element.getBoundingClientRect();
    explained = element;
    tip.textContent = element.dataset.tip;
    tip.hidden = box.bottom < 0 || box.top > innerHeight;
    const above = box.top - 8 - tip.offsetHeight;
    const below = box.bottom + 8;
    tip.style.top = `${below + tip.offsetHeight < innerHeight || above < 4 ? below : above}px`;
    tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - tip.offsetWidth - 4))}px`;
  }

  function hideTip() {
    explained = null;
    byId("tip").hidden = true;
  }

  for (const one of document.querySelectorAll("#tables abbr[title], #tables .none span[title], #tables sup[title]")) {
    one.dataset.tip = one.title;
    one.setAttribute("aria-description", one.title);
    one.removeAttribute("title");
    one.addEventListener("pointerenter", () => showTip(one));
    one.addEventListener("focus", () => showTip(one));
    one.addEventListener("pointerleave", hideTip);
    one.addEventListener("blur", hideTip);
  }
  addEventListener("scroll", () => { if (explained !== null) showTip(explained); }, { passive: true, capture: true });
  addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

  // ---- beginning --------------------------------------------------------------------------

  const strata = [...new Set(items.map((item) => item.stratum))];
  const articles = items.map(article);
  byId("stratum").append(...strata.map((name, index) => option(index, name || "without")));
  byId("stratum").closest("label").hidden = strata.length < 2;
  const groups = new Map();
  columns.forEach((column, index) => {
    if (!groups.has(column.group)) groups.set(column.group, make("optgroup", { label: column.group }));
    groups.get(column.group).append(option(index, column.title));
  });
  byId("score").append(...groups.values());
  for (const name of ["system", "less"]) byId(name).append(...systems.map((one, index) => option(index, one.name)));
  byId("tools").hidden = byId("keys").hidden = false;
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  for (const name of ["find", "stratum", "score", "system", "less", "way"]) byId(name).addEventListener("input", arrange);
  byId("open").addEventListener("input", () => {
    for (const one of byId("list").querySelectorAll("details")) one.open = byId("open").checked;
  });
  arrange();
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        near.unobserve(entry.target);
        draw(articles.indexOf(entry.target));
      }
    }
  }, { rootMargin: "900px 0px" });
  for (const one of articles) near.observe(one);
  if (location.hash.startsWith("#item-")) {
    const index = items.findIndex((item) => `item-${item.id}` === decodeURIComponent(location.hash.slice(1)));
    if (index >= 0) go(shown.indexOf(index) - shown.indexOf(current));
  }
})();
