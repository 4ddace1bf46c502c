"use strict";
(() => {
  const study = JSON.parse(document.getElementById("study").textContent);
  const byId = (id) => document.getElementById(id);
  const audio = new Audio();
  const noise = new Audio();
  const EDGE_S = 0.3; // decoders pad the ends of a track: this near to one counts as there
  const SEEK_S = 5;
  const LAST_KEY = `audiostory-listening:${study.study}`;

  let participant = null;
  let state = null; // what is kept: see fresh()
  let kept = null; // the state as this page last wrote or read it
  let view = "start";
  let heardBefore = []; // spans of the present track heard before the audio was last loaded
  let shownAt = 0;
  let blobUrl = null;

  // ---- what is kept -----------------------------------------------------------------------

  const storageKey = () => `${LAST_KEY}:${participant}`;
  const fresh = (device) => ({
    version: study.version, device, started: new Date().toISOString(), at: 0, answers: {}, comment: "",
  });

  function stored(key) {
    try {
      return localStorage.getItem(key);
    } catch (error) {
      notice(`This browser keeps nothing (${error.name}). Do not close or reload the page before you saved your answers.`);
      return null;
    }
  }

  function keep() {
    if (view === "elsewhere") return;
    if (stored(storageKey()) !== kept) return yieldToOther();
    const text = JSON.stringify(state);
    try {
      localStorage.setItem(storageKey(), text);
      kept = text;
      localStorage.setItem(LAST_KEY, participant);
    } catch (error) {
      notice(`This browser could not keep your last answer (${error.name}). Do not close or reload the page before you saved your answers.`);
    }
  }

  function restored() {
    const text = stored(storageKey());
    kept = text;
    if (text === null) return null;
    try {
      const found = JSON.parse(text);
      if (found.version === study.version && found.answers && Number.isInteger(found.at)) return found;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    try {
      localStorage.setItem(`${storageKey()}:damaged`, text);
    } catch (error) {
      console.warn(error);
    }
    notice("What this browser kept of your answers is damaged; you begin anew. Please tell the experimenter.");
    return null;
  }

  // ---- small things -----------------------------------------------------------------------

  const trials = () => study.participants[participant];
  const trial = () => trials()[state.at];
  const answerOf = (one) => (state.answers[one.trial] ??= { scores: {}, heard: [], listened: 0, seconds: 0, problem: "" });
  const isScored = (one) => study.criteria.every((each) => each.key in (state.answers[one.trial]?.scores ?? {}));
  const isOpen = (answer) => answer.listened >= study.min_listened;
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  const percent = (share) => `${Math.floor(100 * share + 1e-6)} %`;
  const duration = () => (Number.isFinite(audio.duration) ? audio.duration : 0);

  function notice(text) {
    byId("notice").textContent = text;
    byId("notice").hidden = !text;
  }

  function say(text) {
    byId("say").textContent = text;
  }

  function show(name) {
    if (view === "elsewhere") return;
    view = name;
    for (const id of ["start", "trial", "done"]) byId(id).hidden = id !== name;
    byId("place").hidden = byId("progress").hidden = name === "start";
    window.scrollTo(0, 0);
    byId(`${name}-title`).focus();
  }

  function urlOf(sound) {
    const carried = byId(`sound-${sound}`);
    if (!carried) return study.sounds[sound];
    if (blobUrl) URL.revokeObjectURL(blobUrl);
    const bytes = Uint8Array.from(atob(carried.textContent), (letter) => letter.charCodeAt(0));
    blobUrl = URL.createObjectURL(new Blob([bytes], { type: "audio/mpeg" }));
    return blobUrl;
  }

  // ---- listening --------------------------------------------------------------------------

  function merged(spans) {
    const sorted = spans.map((span) => [...span]).sort((a, b) => a[0] - b[0]);
    const result = [];
    for (const span of sorted) {
      const last = result[result.length - 1];
      if (last && span[0] <= last[1] + 0.02) last[1] = Math.max(last[1], span[1]);
      else result.push(span);
    }
    return result;
  }

  function listen() {
    if (view !== "trial" || !duration()) return;
    const answer = answerOf(trial());
    const wasOpen = isOpen(answer);
    const spans = heardBefore.slice();
    for (let k = 0; k < audio.played.length; k += 1) {
      const start = audio.played.start(k) < EDGE_S ? 0 : audio.played.start(k);
      const end = audio.played.end(k) > duration() - EDGE_S ? duration() : audio.played.end(k);
      if (audio.played.end(k) > audio.played.start(k)) spans.push([start, end]);
    }
    answer.heard = merged(spans);
    const total = answer.heard.reduce((sum, span) => sum + span[1] - span[0], 0);
    answer.listened = Math.max(answer.listened, Math.min(1, total / duration()));
    keep();
    showHeard();
    if (!wasOpen && isOpen(answer)) {
      showScores();
      say("You can score this track now.");
    }
  }

  function showHeard() {
    const answer = answerOf(trial());
    if (answer.problem) return;
    const text = isOpen(answer)
      ? "Listen as often as you like."
      : `Listen to ${percent(study.min_listened)} of the track before you score it; so far ${percent(answer.listened)}.`;
    if (byId("heard").textContent !== text) byId("heard").textContent = text;
  }

  function showPosition() {
    byId("position").value = audio.currentTime;
    byId("position").setAttribute("aria-valuetext", `${clock(audio.currentTime)} of ${clock(duration())}`);
    byId("time").textContent = `${clock(audio.currentTime)} / ${clock(duration())}`;
    byId("play").textContent = audio.paused ? "Play" : "Pause";
  }

  function toggle() {
    if (audio.error) {
      heardBefore = answerOf(trial()).heard;
      audio.load();
    }
    if (!audio.paused) audio.pause();
    else audio.play().catch((error) => { if (error.name !== "AbortError") fail(error.message); });
  }

  function seek(seconds) {
    audio.currentTime = Math.max(0, Math.min(duration(), seconds));
    showPosition();
  }

  function fail(reason) {
    if (view !== "trial") return;
    answerOf(trial()).problem = reason || "the track could not be played";
    keep();
    byId("heard").textContent = "";
    say(`This track cannot be played (${answerOf(trial()).problem}). Press Play to try again, or go on without a score; the file will say so.`);
  }

  // ---- one track --------------------------------------------------------------------------

  function showTrial() {
    const one = trial();
    const before = trials()[state.at - 1];
    audio.pause();
    audio.src = urlOf(one.sound);
    heardBefore = answerOf(one).heard;
    answerOf(one).problem = "";
    shownAt = Date.now();
    byId("instruction").textContent = study.instructions[one.instruction];
    byId("place").textContent = participant;
    byId("progress").max = trials().length;
    byId("progress").value = state.at;
    byId("trial-title").textContent = `Track ${state.at + 1} of ${trials().length}: ${before?.block === one.block ? "the same text, another track" : "a new text"}`;
    byId("back").hidden = before?.block !== one.block;
    byId("next").textContent = state.at + 1 < trials().length ? "Next track" : "Finish";
    say("");
    showHeard();
    showScores();
    show("trial");
    showPosition();
  }

  function showScores() {
    const answer = answerOf(trial());
    for (const set of fieldsets()) {
      set.disabled = !isOpen(answer);
      for (const input of set.querySelectorAll("input")) {
        input.checked = answer.scores[set.dataset.key] === Number(input.value);
      }
    }
  }

  function leave() {
    listen();
    const answer = answerOf(trial());
    answer.seconds += (Date.now() - shownAt) / 1000;
    shownAt = Date.now();
    audio.pause();
  }

  function next() {
    const missing = study.criteria.filter((each) => !(each.key in answerOf(trial()).scores));
    if (missing.length && !answerOf(trial()).problem) {
      if (!isReady()) return;
      fieldset(missing[0].key).querySelector("input").focus();
      return say(`Still to score: ${missing.map((each) => each.title).join(", ")}.`);
    }
    leave();
    const isSettled = (one) => isScored(one) || answerOf(one).problem;
    state.at = trials().every(isSettled) ? trials().length : state.at + 1;
    keep();
    if (state.at < trials().length) showTrial();
    else showDone();
  }

  function back() {
    leave();
    state.at -= 1;
    keep();
    showTrial();
  }

  // ---- scoring ----------------------------------------------------------------------------

  const fieldsets = () => [...byId("criteria").children];
  const fieldset = (key) => fieldsets().find((set) => set.dataset.key === key);

  function build() {
    for (const each of study.criteria) {
      const set = document.createElement("fieldset");
      set.dataset.key = each.key;
      const legend = document.createElement("legend");
      const question = document.createElement("span");
      question.textContent = each.question;
      legend.append(each.title, question);
      const scale = document.createElement("div");
      scale.className = "scale";
      study.scale.forEach((word, score) => scale.append(choice(each.key, word, score)));
      set.append(legend, scale);
      byId("criteria").append(set);
    }
  }

  function choice(key, word, score) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: key, value: String(score) });
    input.setAttribute("aria-label", `${score}, ${word}`);
    const shown = document.createElement("span");
    const small = document.createElement("small");
    small.textContent = word;
    shown.append(String(score), small);
    label.append(input, shown);
    input.addEventListener("change", () => give(key, score));
    return label;
  }

  function give(key, score) {
    answerOf(trial()).scores[key] = score;
    keep();
    showScores();
    say("");
  }

  function isReady() {
    const answer = answerOf(trial());
    if (!isOpen(answer) && !answer.problem) say("Listen first.");
    return isOpen(answer);
  }

  function focusIn(set) {
    (set.querySelector("input:checked") ?? set.querySelector("input")).focus();
  }

  function press(score) {
    if (!isReady()) return;
    const scores = answerOf(trial()).scores;
    const set = document.activeElement.closest("fieldset") ?? fieldsets().find((each) => !(each.dataset.key in scores));
    if (!set) return say("All is scored. To change a score, go to its question with the up and down keys.");
    give(set.dataset.key, score);
    const open = fieldsets().filter((each) => !(each.dataset.key in scores));
    const after = open.find((each) => set.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING);
    if (open.length) focusIn(after ?? open[0]);
    else byId("next").focus();
  }

  function shift(set, step) {
    const score = answerOf(trial()).scores[set.dataset.key] ?? (step > 0 ? -1 : study.scale.length);
    const moved = Math.max(0, Math.min(study.scale.length - 1, score + step));
    give(set.dataset.key, moved);
    focusIn(set);
  }

  function move(step) {
    if (!isReady()) return;
    const sets = fieldsets();
    const place = sets.indexOf(document.activeElement.closest("fieldset"));
    const wanted = place < 0 ? (step > 0 ? 0 : sets.length - 1) : place + step;
    if (sets[wanted]) focusIn(sets[wanted]);
  }

  function onKey(event) {
    if (view !== "trial" || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.repeat && /^([\d ]|Enter)$/.test(event.key)) return event.preventDefault(); // a key held too long
    const on = event.target;
    if (on.closest("summary") && [" ", "Enter"].includes(event.key)) return;
    const isButton = on.closest("button") !== null;
    const set = on.closest("fieldset");
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === " " && !isButton) toggle();
    else if (event.key === "Enter" && !isButton) next();
    else if (/^\d$/.test(event.key) && Number(event.key) < study.scale.length) press(Number(event.key));
    else if (step && /Left|Right/.test(event.key)) set ? shift(set, step) : seek(audio.currentTime + SEEK_S * step);
    else if (step && (set || on.closest("#trial"))) move(step);
    else return;
    event.preventDefault();
  }

  // ---- the file ---------------------------------------------------------------------------

  function answersFile() {
    const answers = trials().filter((one) => one.trial in state.answers).map((one) => {
      const { scores, listened, seconds, problem } = state.answers[one.trial];
      return { trial: one.trial, scores, listened: Math.round(listened * 1e4) / 1e4, seconds: Math.round(seconds), problem };
    });
    return {
      format: "audiostory-listening-answers",
      version: study.version,
      study: study.study,
      participant,
      is_complete: trials().every(isScored),
      started: state.started,
      exported: new Date().toISOString(),
      device: state.device,
      comment: state.comment,
      answers,
    };
  }

  function save() {
    const file = answersFile();
    const text = `${JSON.stringify(file, null, 2)}\n`;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `answers-${study.study}-${participant}${file.is_complete ? "" : "-incomplete"}.json`;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    byId("text").value = text;
    byId("saved").textContent = `Saved as ${link.download}. Send this file ${study.contact ? `to ${study.contact}` : "to the experimenter"}.`;
  }

  function showDone() {
    audio.pause();
    const left = trials().filter((one) => !isScored(one)).length;
    byId("done-title").textContent = left ? "Not finished" : "Thank you";
    byId("done-text").textContent = left
      ? `${trials().length - left} of ${trials().length} tracks are scored. You can go on, or save an incomplete file.`
      : `All ${trials().length} tracks are scored. One step is left: save your answers and send the file.`;
    byId("resume").hidden = !left;
    byId("place").textContent = participant;
    byId("progress").max = trials().length;
    byId("progress").value = trials().length - left;
    byId("comment").value = state.comment;
    byId("saved").textContent = "";
    byId("text").value = JSON.stringify(answersFile(), null, 2);
    show("done");
  }

  function resume() {
    if (state.at >= trials().length) state.at = trials().findIndex((one) => !isScored(one));
    showTrial();
  }

  // ---- the way in -------------------------------------------------------------------------

  function typedId() {
    return byId("participant").value.trim().toUpperCase();
  }

  function meet() {
    const id = typedId();
    participant = Object.hasOwn(study.participants, id) ? id : null;
    const found = participant ? restored() : null;
    const done = found ? trials().filter((one) => one.trial in found.answers).length : 0;
    byId("begin").textContent = done ? "Go on" : "Begin";
    if (found) byId("device").value = found.device;
    return found;
  }

  function enter(event) {
    event.preventDefault();
    const found = meet();
    byId("participant-problem").textContent = participant ? "" : "This study knows no such id: look at the invitation.";
    if (!participant) return byId("participant").focus();
    noise.pause();
    state = found ?? fresh(byId("device").value);
    state.device = byId("device").value;
    keep();
    if (state.at < trials().length) showTrial();
    else showDone();
  }

  function yieldToOther() {
    view = "elsewhere"; // another page's answers are newer: nothing is kept over them any more
    audio.pause();
    for (const id of ["start", "trial", "done"]) byId(id).hidden = true;
    notice("The study goes on in another tab or window. To go on here instead, reload this page.");
  }

  function begin() {
    build();
    byId("contact").textContent = study.contact ? ` to ${study.contact}` : "";
    byId("participant").value = decodeURIComponent(location.hash.slice(1)) || stored(LAST_KEY) || "";
    if (byId("participant").value) meet();
    byId("participant").addEventListener("change", meet);
    byId("enter").addEventListener("submit", enter);
    byId("check").addEventListener("click", () => {
      if (!noise.src) noise.src = urlOf(study.check);
      if (noise.paused) noise.play().catch((error) => notice(`The noise cannot be played: ${error.message}`));
      else noise.pause();
    });
    for (const name of ["play", "pause", "ended"]) {
      noise.addEventListener(name, () => { byId("check").textContent = noise.paused ? "Play the noise" : "Stop the noise"; });
    }
    for (const name of ["timeupdate", "pause", "ended", "seeking"]) audio.addEventListener(name, listen);
    for (const name of ["timeupdate", "play", "pause", "seeked", "loadedmetadata"]) audio.addEventListener(name, showPosition);
    audio.addEventListener("loadedmetadata", () => { byId("position").max = audio.duration; });
    audio.addEventListener("playing", () => { answerOf(trial()).problem = ""; say(""); showHeard(); });
    audio.addEventListener("error", () => fail(audio.error?.message));
    byId("play").addEventListener("click", toggle);
    byId("position").addEventListener("input", (event) => seek(Number(event.target.value)));
    byId("next").addEventListener("click", next);
    byId("back").addEventListener("click", back);
    byId("save").addEventListener("click", save);
    byId("save-part").addEventListener("click", () => { leave(); keep(); showDone(); });
    byId("resume").addEventListener("click", resume);
    byId("comment").addEventListener("input", (event) => { state.comment = event.target.value; keep(); });
    document.addEventListener("keydown", onKey);
    document.addEventListener("keyup", (event) => { if (event.key === " " && event.target.type === "radio") event.preventDefault(); });
    window.addEventListener("pagehide", () => { if (view === "trial") { leave(); keep(); } });
    show("start");
  }

  begin();
})();
