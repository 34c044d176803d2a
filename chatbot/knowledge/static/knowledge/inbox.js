// Says how readable white text is on the chosen colour.
const advice = document.querySelector("#contrast");
const color = advice && document.getElementById(advice.dataset.for);
if (color) {
  const show = () => {
    const ratio = contrastWithWhite(color.value);
    const text = ratio >= 4.5 ? advice.dataset.good : advice.dataset.poor;
    advice.textContent = text.replace("{}", ratio.toFixed(1));
  };
  color.addEventListener("input", show);
  show();
}

function contrastWithWhite(hex) {
  const [r, g, b] = [1, 3, 5].map((place) => {
    const part = parseInt(hex.slice(place, place + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05);
}
