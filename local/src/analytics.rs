//! The answers to the course's questions, from the tables.
//!
//! The [`questions`] are the texts of `analytics/`, and the [`engine`] that runs them is an SQLite in memory. Its rows come from the
//! Delta tables, including those of earlier processes, so restarts and merged files change no answer. The tables are read only while
//! a page asks for answers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use archive::bucket::Bucket;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::{
    kind::CATALOG,
    topic::{UserId, UserIds},
};
use tables::{append::TableError, follow::Follower, layout::TableName};
use tokio::{
    sync,
    task::{JoinError, spawn_blocking},
    time::Instant,
};

mod engine;
mod questions;

use engine::Engine;
pub(crate) use questions::{QUESTIONS, Question};

/// The most posts of a user id that are held in memory: four times the course's database. A post takes about 0.5 kB, and one
/// processor answers the questions for all of them in about 4 s, unoptimized.
const MAX_POSTS: u64 = 50_000;

/// The time between two computations of the answers, unless they take long.
const INTERVAL: Duration = Duration::from_millis(900);

/// The share of one processor that the answers may take, as a divisor.
const SHARE: u32 = 5;

/// The time that a request may read rows. The next request continues.
const READ_TIME: Duration = Duration::from_millis(500);

/// The answers of each user id. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Analytics(Arc<BTreeMap<String, Answering>>);

/// The tables of one user id, and what is known of them.
#[derive(Debug)]
struct Answering {
    bucket: Bucket,
    user_id: UserId,
    max_posts: u64,
    state: sync::Mutex<State>,
}

#[derive(Debug)]
struct State {
    followers: Vec<Follower>,
    /// `None` until the first request, and again after there were too many posts.
    engine: Option<Arc<Mutex<Engine>>>,
    has_new_rows: bool,
    has_too_many_posts: bool,
    newest: Computed,
    /// The time from which the answers may be computed again.
    next: Instant,
}

/// The last computed answers.
#[derive(Debug, Default)]
struct Computed {
    posts: u64,
    /// A list with an answer for each question, as JSON. `None` before the first computation.
    answers: Option<Box<RawValue>>,
}

/// The answers, in the names that the page reads.
#[derive(Debug, Serialize)]
struct View<'a> {
    /// The number of posts in the answers.
    posts: u64,
    /// Unset while the tables have rows that are not in the answers yet.
    is_complete: bool,
    /// The limit, if the tables have more posts. There are no answers then.
    max_posts: Option<u64>,
    answers: Option<&'a RawValue>,
}

/// The questions cannot be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("the tables cannot be read")]
    Tables(#[from] TableError),
    #[error("SQLite cannot answer")]
    Engine(#[from] rusqlite::Error),
    #[error("the answers cannot be printed")]
    Print(#[from] serde_json::Error),
    #[error("a task failed")]
    Task(#[from] JoinError),
}

impl Analytics {
    /// The answers from the tables in `bucket`, which need not exist yet.
    pub(crate) fn new(bucket: &Bucket, user_ids: &UserIds) -> Self {
        let of = |user_id: &UserId| (user_id.to_string(), Answering::new(bucket.clone(), user_id.clone(), MAX_POSTS));
        Self(Arc::new(user_ids.iter().map(of).collect()))
    }

    /// Returns the answers of a user id as JSON, brought up to date, or `None` if there is no such user id.
    ///
    /// # Cancellation
    /// Safe to drop at any point.
    pub(crate) async fn answers(&self, user_id: &str) -> Option<Result<String, AnswerError>> {
        Some(self.0.get(user_id)?.answers().await)
    }
}

impl Answering {
    fn new(bucket: Bucket, user_id: UserId, max_posts: u64) -> Self {
        let state = sync::Mutex::new(State::new(&bucket, &user_id));
        Self { bucket, user_id, max_posts, state }
    }

    async fn answers(&self) -> Result<String, AnswerError> {
        let mut state = self.state.lock().await;
        match state.update(self.max_posts).await {
            Ok(is_complete) => Ok(serde_json::to_string(&state.view(is_complete, self.max_posts))?),
            Err(error) => {
                // Some of the rows may be lost, so the next request begins with the first one.
                *state = State::new(&self.bucket, &self.user_id);
                Err(error)
            }
        }
    }
}

impl State {
    fn new(bucket: &Bucket, user_id: &UserId) -> Self {
        let follower = |kind| Follower::new(bucket.clone(), TableName::new(user_id.clone(), kind));
        Self {
            followers: CATALOG.iter().copied().map(follower).collect(),
            engine: None,
            has_new_rows: true,
            has_too_many_posts: false,
            newest: Computed::default(),
            next: Instant::now(),
        }
    }

    fn view(&self, is_complete: bool, max_posts: u64) -> View<'_> {
        View {
            posts: self.newest.posts,
            is_complete,
            max_posts: self.has_too_many_posts.then_some(max_posts),
            answers: self.newest.answers.as_deref(),
        }
    }

    /// Reads the tables' new rows and answers the questions, if it is time. Returns whether the answers are complete.
    async fn update(&mut self, max_posts: u64) -> Result<bool, AnswerError> {
        let begun = Instant::now();
        if self.has_too_many_posts {
            return Ok(true);
        }
        if begun < self.next {
            return Ok(false);
        }
        let engine = match &self.engine {
            Some(engine) => Arc::clone(engine),
            None => Arc::clone(self.engine.insert(Arc::new(Mutex::new(Engine::new()?)))),
        };
        for follower in &mut self.followers {
            let kind = follower.table().kind();
            while let Some(rows) = follower.next_rows().await? {
                self.has_new_rows = true;
                let posts = run(&engine, move |engine| engine.feed(kind, &rows)).await?;
                if posts > max_posts {
                    self.newest = Computed { posts, answers: None };
                    (self.has_too_many_posts, self.engine, self.followers) = (true, None, Vec::new());
                    return Ok(true);
                }
                if begun.elapsed() > READ_TIME {
                    return Ok(false);
                }
            }
        }
        if self.has_new_rows {
            let mut answers = Vec::new();
            // One by one: the process waits for what runs when it ends.
            for Question { sql, .. } in &QUESTIONS {
                answers.push(run(&engine, move |engine| Ok(engine.answer(sql)?)).await?);
            }
            let posts = run(&engine, |engine| Ok(engine.posts()?)).await?;
            self.newest = Computed { posts, answers: Some(serde_json::value::to_raw_value(&answers)?) };
            self.has_new_rows = false;
            self.next = begun + INTERVAL.max(begun.elapsed() * SHARE);
        }
        Ok(true)
    }
}

/// Runs `work` on a thread for work that takes long.
async fn run<T: Send + 'static>(
    engine: &Arc<Mutex<Engine>>,
    work: impl FnOnce(&mut Engine) -> Result<T, AnswerError> + Send + 'static,
) -> Result<T, AnswerError> {
    let engine = Arc::clone(engine);
    // A failed transaction leaves nothing behind.
    spawn_blocking(move || work(&mut engine.lock().unwrap_or_else(PoisonError::into_inner))).await?
}

#[cfg(test)]
mod tests;
