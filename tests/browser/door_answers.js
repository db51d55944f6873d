// Shows an answer of each result in each language. Returns what the screen then says, by language
// and result: its tone, its sentences, and how wide the widest of its parts needs to be.
async (results) => {
  const load = (name) => import(`/static/tickets/door/${name}.js`);
  const [{ showAnswer }, { speak }] = [await load("answer"), await load("words")];
  const details = {
    gates: ["Sul"],
    checkin_starts_at: "2027-01-10T20:00:00-03:00",
    checkin_ends_at: "2027-01-10T23:00:00-03:00",
  };
  const firstScan = { at: "2027-01-10T21:04:11-03:00", gate: "Norte", device: "Ana" };
  const read = (part) => {
    const element = document.getElementById(`answer-${part}`);
    return element.hidden ? "" : element.textContent;
  };
  const answers = {};
  for (const language of ["en", "pt-br"]) {
    speak(language);
    answers[language] = {};
    for (const result of results) {
      showAnswer({ result, details, firstScan, offline: false }, { zone: "America/Sao_Paulo" });
      const screen = document.getElementById("answer");
      const rights = [...screen.querySelectorAll("*")].map((part) => part.getBoundingClientRect().right);
      answers[language][result] = {
        tone: screen.dataset.tone,
        word: read("word"),
        why: read("why"),
        first: read("first"),
        advice: read("do"),
        width: Math.max(screen.scrollWidth, document.documentElement.scrollWidth, ...rights),
      };
    }
  }
  return answers;
}
