"use strict";
// The interface of the page. The program in talk.wasm connects to the relay, encrypts and
// decrypts; it calls sealPage with what happens. Texts become text nodes and never HTML.
const $ = (id) => document.getElementById(id);
const maxEntries = 2000;
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
  item.append(text);
  const history = $("history");
  const below = history.scrollHeight - history.scrollTop - history.clientHeight < 40;
  history.append(item);
  while (history.childElementCount > maxEntries) history.firstElementChild.remove();
  if (below) history.scrollTop = history.scrollHeight;
}

function alarm(text) {
  note("alarm", "WARNING: " + text);
  $("alarm").textContent = "WARNING: " + text;
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
  $("verify").showModal();
}

globalThis.sealPage = {
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
