// Follows the pipeline: one message a second, and the whole picture at the start, after each reconnection and where a message was missed.

const SILENCE_MS = 5_000; // A message comes each second: after five without one, the process hangs or is gone.
const RETRY_MS = 2_000;

/**
 * Calls `onPipeline` with the answer of `/live/pipeline`, `onNews` with each message of `/live/events`, and `onLost` when
 * messages stop. It reconnects by itself, for as long as the page is open.
 */
export function follow({ onPipeline, onNews, onLost }) {
  let newest = null;
  let second = null; // of the last message that was passed on; null: the whole picture is asked for first
  let asked = 0;
  let answered = 0;
  let silence;

  async function ask() {
    const turn = ++asked;
    second = null;
    const pipeline = await fetchPipeline();
    // An answer that was overtaken may be that of a process which is gone.
    if (turn !== asked) return;
    answered = turn;
    if (!pipeline) return; // The next message asks once more.
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
      // The browser reconnects after a broken connection, but gives up after an answer that is no event stream.
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY_MS);
    });
  }

  // A browser has six connections for all tabs of an address: one that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(silence);
    clearTimeout(retry);
    source?.close();
    if (!document.hidden) open();
  });
  if (!document.hidden) open();
}

/** The whole picture, or null from a process that is gone again or not ready. */
async function fetchPipeline() {
  try {
    const answer = await fetch("/live/pipeline", { cache: "no-store" });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
