//! The project's sample rows.

use std::collections::HashMap;

use rand::Rng;
use shared::{json, kind::CATALOG, sample};

use super::{Post, Row, SourceError};

/// The sample rows, by post.
#[derive(Debug)]
pub struct Sample {
    posts: Vec<Post>,
    /// Each post's place in `posts`, by join key.
    places: HashMap<i64, usize>,
}

impl Sample {
    /// Groups the rows by post: every table has the same join keys in the same order.
    pub(super) fn new() -> Self {
        let mut posts: Vec<Post> = Vec::new();
        let mut places = HashMap::new();
        for kind in CATALOG {
            for (at, row) in sample::rows(kind.table).unwrap_or_default().lines().enumerate() {
                if posts.len() == at {
                    posts.push(Post::new());
                    places.extend(kind.check(row).ok().map(|join_key| (join_key.0, at)));
                }
                posts[at].push(Ok(Row { kind, json: json::compact(row).into_owned() }));
            }
        }
        Self { posts, places }
    }

    pub(super) fn draw(&self, count: usize, rng: &mut impl Rng) -> Vec<Post> {
        (0..count).map(|_| self.posts[rng.random_range(0..self.posts.len())].clone()).collect()
    }

    pub(super) fn read(&self, join_keys: &[u16]) -> Result<Vec<Post>, SourceError> {
        let post = |&join_key| {
            let place = self.places.get(&i64::from(join_key));
            place.map(|&at| self.posts[at].clone()).ok_or(SourceError::NoPost { kind: CATALOG[0], join_key })
        };
        join_keys.iter().map(post).collect()
    }
}
