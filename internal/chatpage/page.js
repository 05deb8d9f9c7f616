"use strict";
// The interface of the page. The program in talk.wasm connects to the relay, encrypts and
// decrypts; it calls sealPage with what happens. Texts become text nodes and never HTML.
const $ = (id) => document.getElementById(id);
const maxEntries = 2000;
const maxNotices = 500; // of these entries, those that are no texts: a relay can cause many
const maxAlarms = 8;
let alarms = [];
let members = [];
let own = "";
let compared = null;

function note(kind, text, name) {
  const item = document.createElement("li");
  item.className = kind;
  const at = document.createElement("span");
  at.className = "at";
  at.textContent = new Date().toTimeString().slice(0, 5) + " ";
  item.append(at);
  if (name) {
    const from = document.createElement("b");
    from.textContent = name;
    item.append(from, ": ");
  }
  const body = document.createElement("bdi");
  body.textContent = text;
  item.append(body);
  const history = $("history");
  const below = history.scrollHeight - history.scrollTop - history.clientHeight < 40;
  history.append(item);
  const notices = history.querySelectorAll(".notice, .alarm");
  if (notices.length > maxNotices) notices[0].remove();
  while (history.childElementCount > maxEntries) history.firstElementChild.remove();
  if (below) history.scrollTop = history.scrollHeight;
}

// alarm shows a warning, which stays. A later one does not replace it.
function alarm(text) {
  const line = "WARNING: " + text;
  note("alarm", line);
  if (alarms.includes(line) || alarms.length >= maxAlarms) return;
  alarms.push(line);
  $("alarm").textContent = alarms.join("\n");
  $("alarm").hidden = false;
}

function showMembers(list) {
  members = list;
  const all = [];
  const self = document.createElement("li");
  self.textContent = own + " (you)";
  all.push(self);
  for (const m of members) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = (m.verified ? "verified" : "unverified") + (m.away ? " away" : "");
    button.textContent = (m.verified ? "\u2713 " : "? ") + m.name;
    button.title = m.verified ? "verified" : "not verified: compare the words";
    button.addEventListener("click", () => verify(m));
    item.append(button);
    all.push(item);
  }
  $("members").replaceChildren(...all);
}

function verify(m) {
  compared = m;
  $("verify-title").textContent = "The words for you and " + m.name;
  $("words").textContent = m.words;
  $("verify").returnValue = ""; // of an earlier dialog, which Esc leaves in some browsers
  $("verify").showModal();
}

const mebibyte = 1048576;
const sizeText = (n) => n < mebibyte
  ? Math.ceil(n / 1024) + " KiB" : (n / mebibyte).toFixed(1) + " MiB";

// showFile shows a file that is offered or on its way, with a button for each answer.
function showFile(id, title, size, answers) {
  let item = $("file-" + id);
  const focused = item !== null && item.contains(document.activeElement);
  if (item === null) {
    item = document.createElement("li");
    item.id = "file-" + id;
    $("files").append(item);
  }
  const text = document.createElement("span");
  text.textContent = title + " (" + sizeText(size) + ")";
  const all = [text];
  if (answers.includes("Stop")) {
    const progress = document.createElement("progress");
    progress.max = Math.max(size, 1);
    progress.value = 0;
    progress.setAttribute("aria-label", "Progress of " + title);
    all.push(progress);
  }
  for (const answer of answers) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = answer;
    button.setAttribute("aria-label", answer + " " + title);
    button.addEventListener("click", () => sealChat.answer(id, answer));
    all.push(button);
  }
  item.replaceChildren(...all);
  if (focused) all.at(-1).focus();
}

function endFile(id) {
  const item = $("file-" + id);
  if (item === null) return;
  const focused = item.contains(document.activeElement);
  item.remove();
  if (focused) $("text").focus();
}

// save saves a file that has arrived. Its bytes never become a part of the page.
function save(name, chunks) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(chunks, { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

globalThis.sealPage = {
  file: showFile,
  fileProgress: (id, done) => { $("file-" + id).querySelector("progress").value = done; },
  fileEnded: endFile,
  save,
  state: (text) => { $("state").textContent = text; },
  text: (name, text) => note("text", text, name),
  note: (text) => note("notice", text),
  alarm,
  members: showMembers,
  ready: (name) => {
    $("state").textContent = "ready";
    $("name").value = name;
    if (location.hash.length > 1) {
      $("invitation").hidden = $("invitation-label").hidden = true;
    }
    $("joining").hidden = false;
    $("name").focus();
  },
  joined: (name) => {
    own = name;
    $("joining").hidden = true;
    $("room").hidden = false;
    showMembers([]);
    $("text").focus();
  },
  failed: (text) => {
    $("joining-error").textContent = text;
    $("joining").querySelector("button").disabled = false;
  },
};

$("joining").addEventListener("submit", (event) => {
  event.preventDefault();
  $("joining").querySelector("button").disabled = true;
  $("joining-error").textContent = "";
  const page = location.origin + location.pathname;
  const invitation = location.hash.length > 1 ? page + location.hash : $("invitation").value;
  sealChat.join(page, invitation, $("name").value);
});

$("sending").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (text === "") return;
  $("text").value = "";
  note("own", text, own);
  sealChat.send(text);
});

$("choose").addEventListener("click", () => $("file").click());

$("file").addEventListener("change", () => {
  for (const file of $("file").files) sealChat.offer(file);
  $("file").value = "";
  $("text").focus();
});

$("leave").addEventListener("click", () => {
  $("sending").hidden = true;
  sealChat.leave();
});

$("verify").addEventListener("close", () => {
  if ($("verify").returnValue === "yes" && compared) sealChat.verify(compared.id, compared.words);
  compared = null;
  $("text").focus();
});

const go = new Go();
WebAssembly.instantiateStreaming(fetch("talk.wasm"), go.importObject).then(
  (result) => go.run(result.instance),
  (error) => { $("state").textContent = "the page's program cannot be loaded: " + error; },
);
