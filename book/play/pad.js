// A sheet to draw a digit on: with a mouse, a pen, a finger, or the keys.
const SIZE = 280;
const PEN = 24;
const STEP = 10;
const HOME = [SIZE / 2, SIZE / 4]; // of the pen that the keys move
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Pad {
  // `drawn` is called with the ink, 0 to 1, SIZE squared, whenever it has changed.
  constructor(canvas, cursor, drawn) {
    Object.assign(this, { canvas, cursor, drawn, size: SIZE, at: [...HOME], down: false, fresh: true, waits: null });
    canvas.width = canvas.height = SIZE;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.drags = false));
    canvas.addEventListener("keydown", (event) => this.key(event));
    for (const change of ["focus", "blur"]) canvas.addEventListener(change, () => this.showCursor());
    this.wipe();
  }

  wipe() {
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, SIZE, SIZE);
    this.down = this.drags = this.fresh = false;
    this.showCursor();
  }

  clear() {
    this.at = [...HOME];
    this.wipe();
    this.tell();
  }

  // An image in place of a drawing; the first stroke wipes it.
  show(image) {
    this.at = [...HOME];
    this.wipe();
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(image, 0, 0, SIZE, SIZE);
    this.fresh = true;
  }

  line(to) {
    if (this.fresh) this.wipe();
    Object.assign(this.context, { strokeStyle: "#fff", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    this.context.beginPath();
    this.context.moveTo(...this.at);
    this.context.lineTo(...to);
    this.context.stroke();
    this.at = to;
    this.tell();
  }

  // Once a frame, however many strokes it brings.
  tell() {
    this.waits ??= requestAnimationFrame(() => {
      this.waits = null;
      if (this.fresh) return;
      const { data } = this.context.getImageData(0, 0, SIZE, SIZE);
      this.drawn(Float64Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i] / 255));
    });
  }

  where(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIZE) / box.width, ((event.clientY - box.top) * SIZE) / box.height];
  }

  press(event) {
    if (event.button) return;
    this.canvas.setPointerCapture(event.pointerId);
    if (this.fresh) this.wipe();
    this.drags = true;
    this.at = this.where(event);
    this.line(this.at);
  }

  drag(event) {
    if (!this.drags) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const each of passed.length ? passed : [event]) this.line(this.where(each));
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const move = MOVES[event.key];
    if (move) {
      const to = this.at.map((x, i) => Math.min(Math.max(x + STEP * move[i], 0), SIZE));
      if (this.down) this.line(to);
      else this.at = to;
    } else if (event.key === " ") {
      const down = !this.down;
      if (down) this.line(this.at);
      this.down = down;
    } else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else return;
    event.preventDefault();
    this.showCursor();
  }

  // Where the pen is, while the keys have it.
  showCursor() {
    this.cursor.hidden = !this.canvas.matches(":focus-visible");
    this.cursor.dataset.down = this.down;
    this.cursor.style.left = `${(100 * this.at[0]) / SIZE}%`;
    this.cursor.style.top = `${(100 * this.at[1]) / SIZE}%`;
  }
}
