// Draws the questions: a card each, with the answer as a chart and the SQL. The answers are fetched after messages with new rows.

import { bars, grid } from "./answers.js";
import { byId, copyButton, fetchText, keyedList, make, setText } from "./dom.js";
import { count, plural } from "./format.js";

/** The charts, by the name of the question's text, with the answer's columns that they show. */
const CHARTS = {
  "1-category-by-country.sql": {
    title: "Most popular category by country",
    about: "Posts; all categories that tie",
    series: "var(--pin)",
    chart: () => bars({ label: "country", name: "category", value: "posts", ranked: true }),
  },
  "2-categories-by-year.sql": {
    title: "Categories by year",
    about: "Posts; filled: the most popular of a year",
    series: "var(--pin)",
    chart: () => grid({ down: "category", across: "post_year", value: "posts", sorted: true, best: "most popular" }),
  },
  "3-most-followed-by-country.sql": {
    title: "Most-followed user by country",
    about: "Followers",
    series: "var(--user)",
    chart: () => bars({ label: "country", name: "poster_name", value: "follower_count", ranked: true, best: "most of all" }),
  },
  "4-category-by-age.sql": {
    title: "Most popular category by age",
    about: "Posts; all categories that tie",
    series: "var(--pin)",
    chart: () => bars({ label: "age_group", name: "category", value: "posts" }),
  },
  "5-followers-by-age.sql": {
    title: "Followers by age",
    about: "Median of the posts",
    series: "var(--user)",
    chart: () => bars({ label: "age_group", value: "median_follower_count" }),
  },
  "6-joined-by-year.sql": {
    title: "Users by year of joining",
    about: "Their posts; a user has no id",
    series: "var(--geo)",
    chart: () => bars({ label: "joining_year", value: "posts" }),
  },
  "7-followers-by-joining-year.sql": {
    title: "Followers by year of joining",
    about: "Median of the posts",
    series: "var(--user)",
    chart: () => bars({ label: "joining_year", value: "median_follower_count" }),
  },
  "8-followers-by-age-and-joining-year.sql": {
    title: "Followers by age and year of joining",
    about: "Median of the posts",
    series: "var(--user)",
    chart: () => grid({ down: "age_group", across: "joining_year", value: "median_follower_count" }),
  },
};

export function questions() {
  const state = byId("questions-state");
  const user = byId("questions-user");
  const showCards = keyedList(document.querySelector(".questions"), ({ name, sql }) => name + sql, card);
  let asked = [];
  let tables = false;
  let run = 0; // counts starts and changes of the user id: an answer for an earlier one is outdated
  let rows = null; // the rows that the shown answers are known to include
  let waits = false;

  async function reset(words) {
    run += 1;
    rows = null;
    setText(state, words);
    await show(null, run);
  }

  // One frame per card keeps every task short.
  async function show(answers, turn) {
    for (const { at } of asked) {
      if (turn !== run) return;
      showCards(asked.map((question) => ({ ...question, answer: question.at === at ? answers?.[at] ?? null : undefined })));
      if (answers) await new Promise(requestAnimationFrame);
    }
  }

  async function ask(present) {
    const turn = run;
    waits = true;
    try {
      const { text } = await fetchText(`/live/answers?${new URLSearchParams({ user_id: user.value })}`);
      const { posts, is_complete: complete, max_posts: most, answers } = JSON.parse(text);
      if (turn !== run) return;
      if (complete) rows = present;
      if (most) setText(state, `There are more than ${count(most)} posts, too many for this page. Run the SQL on DuckDB, Spark or Athena.`);
      else if (!answers) setText(state, "Reading the tables…");
      else setText(state, posts ? plural(posts, "post") : "The tables have no rows yet.");
      await show(answers, turn);
    } catch (error) {
      if (turn === run) setText(state, error.message);
    } finally {
      waits = false;
    }
  }

  user.addEventListener("change", () => reset("Reading the tables…"));

  return {
    start(pipeline) {
      asked = pipeline.questions.map((question, at) => ({ ...question, at })).filter(({ name }) => CHARTS[name]);
      tables = pipeline.tables;
      user.replaceChildren(...pipeline.user_ids.map((id) => make("option", null, id)));
      byId("questions-user-label").hidden = pipeline.user_ids.length < 2;
      reset(tables ? "Reading the tables…" : "This process writes no tables.");
    },
    update({ totals }) {
      if (tables && !waits && totals.table_rows !== rows) ask(totals.table_rows);
    },
  };
}

function card({ name, sql }) {
  const { title, about, series, chart: create } = CHARTS[name];
  const chart = create();
  const id = `question-${name}`;
  const text = make("pre", { tabindex: "0" }, sql);
  const copy = make("button", { type: "button", "aria-describedby": id }, "Copy SQL");
  copyButton(copy, text);
  const nothing = make("p", { class: "empty" }, "No answer yet.");
  // A long answer is scrolled, also by the keyboard.
  const answer = make("div", { class: "answer", tabindex: "0", role: "region", "aria-label": `Answer: ${title}` }, chart.node);
  const node = make("figure", { class: "panel question", "data-question": name },
    make("figcaption", null, make("div", null, make("h3", { id }, title), make("p", null, about)), copy),
    nothing, answer, make("details", null, make("summary", null, "SQL"), text));
  node.style.setProperty("--series", series);
  return {
    node,
    update({ answer: next }) {
      if (next === undefined) return;
      answer.hidden = !next?.rows.length;
      nothing.hidden = !answer.hidden;
      if (next) chart.show(next);
    },
  };
}
