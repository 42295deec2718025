// A client of the relay's protocol, version 1: one socket that comes back by itself, and the
// answers that go on over it. See docs/reference/relay-protocol.md.

const PROTOCOL = "kilo-relay.v1.json";
const LONGEST_WAIT = 8000;

export class Relay {
  // on: { state(name, seconds), open(), closed(code), frame(frame) }
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.failures = 0;
    this.connect();
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.hurry());
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = null;
    this.on.state("connecting");
    const socket = (this.socket = new WebSocket(this.url, [PROTOCOL]));
    let openedAt = Infinity;
    socket.onopen = () => {
      openedAt = performance.now();
      this.on.state("open");
      this.on.open();
    };
    socket.onmessage = (message) => {
      if (socket !== this.socket) return;
      // That it opened proves nothing: a server may close each one for the first message.
      this.failures = 0;
      this.on.frame(JSON.parse(message.data));
    };
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      if (event.code === 4401 || event.code === 4406) {
        this.on.state("refused");
        return;
      }
      if (performance.now() - openedAt > LONGEST_WAIT) this.failures = 0;
      this.on.closed(event.code);
      const wait = Math.min(LONGEST_WAIT, 400 * 2 ** this.failures) * (0.7 + 0.3 * Math.random());
      this.failures += 1;
      this.on.state("closed", Math.ceil(wait / 1000));
      this.timer = setTimeout(() => this.connect(), wait);
    };
  }

  hurry() {
    if (this.timer) this.connect();
  }

  say(message) {
    if (!this.isOpen) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }
}

export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(18));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}
