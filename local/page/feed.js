// Follows the pipeline: one message a second, and the full state at the start, after each reconnection and after a missed message.

const SILENCE_MS = 5_000; // A message arrives each second: after five without one, the process hangs or has ended.
const RETRY_MS = 2_000;

/**
 * Calls `onPipeline` with the answer of `/live/pipeline`, `onNews` with each message of `/live/events`, and `onLost` when
 * messages stop. It reconnects automatically while the page is open.
 */
export function follow({ onPipeline, onNews, onLost }) {
  let newest = null;
  let second = null; // of the last message passed on; null until the full state is fetched
  let asked = 0;
  let answered = 0;
  let silence;

  async function ask() {
    const turn = ++asked;
    second = null;
    const pipeline = await fetchPipeline();
    // An outdated response may come from a process that has ended.
    if (turn !== asked) return;
    answered = turn;
    if (!pipeline) return; // The next message fetches again.
    onPipeline(pipeline);
    second = pipeline.samples?.at(-1)?.second ?? 0;
    if (newest) pass(newest);
  }

  function pass(news) {
    second = news.sample?.second ?? second;
    onNews(news);
  }

  function hear(message) {
    clearTimeout(silence);
    silence = setTimeout(onLost, SILENCE_MS);
    newest = JSON.parse(message.data);
    if (asked !== answered) return; // `ask` passes it on.
    if (second === null || newest.sample?.second > second + 1) ask();
    else pass(newest);
  }

  let source;
  let retry;

  function open() {
    source = new EventSource("/live/events");
    source.addEventListener("open", () => {
      newest = null;
      ask();
    });
    source.addEventListener("message", hear);
    source.addEventListener("error", () => {
      clearTimeout(silence);
      onLost();
      // The browser reconnects after a lost connection, but gives up after a response that is not an event stream.
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY_MS);
    });
  }

  // A browser shares six connections among all tabs of an address, so a hidden tab closes its own.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(silence);
    clearTimeout(retry);
    source?.close();
    if (!document.hidden) open();
  });
  if (!document.hidden) open();
}

/** Fetches the full state; null if the process has ended or is not ready. */
async function fetchPipeline() {
  try {
    const answer = await fetch("/live/pipeline", { cache: "no-store" });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
