// What is said in passing, and worth nothing a moment later: that somebody is writing, on which page they are.

const AGAIN = 3000;
const SILENCE = 5000;

// Says that the customer is writing, every three seconds, and that they have stopped: after five seconds, or `still`.
export class Writing {
  #say;
  #since = 0;
  #timer;

  constructor(say) {
    this.#say = say;
  }

  goesOn() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.still(), SILENCE);
    if (Date.now() - this.#since < AGAIN) return;
    this.#since = Date.now();
    this.#say(true);
  }

  still() {
    clearTimeout(this.#timer);
    if (this.#since) this.#say(false);
    this.#since = 0;
  }
}

// Cut between characters: half of one would not be valid text.
const short = (text, most) => [...String(text).replace(/\p{Cs}/gu, "")].slice(0, most).join("");

// A page of the site, at the length that the server takes.
export const pageOf = ({ url = "", title = "" } = {}) => ({ url: short(url, 2000), title: short(title, 300) });
