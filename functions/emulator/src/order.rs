//! The order of the posts.

use std::{fmt, str::FromStr};

use shared::settings::Variable;

/// The setting of the order.
pub static POST_ORDER: Variable = Variable {
    name: "POST_ORDER",
    default: Some("random"),
    meaning: "`random`, or `course`: the posts that the course's script draws, in its order, from the first at each start and again \
              after the 909th",
};

/// The order in which posts are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// At random.
    #[default]
    Random,
    /// [`COURSE_ORDER`](shared::sample::COURSE_ORDER), whole for each user id, as if its owner ran the script. It begins again
    /// after its end and, because the position is not stored, at each start of a process.
    Course,
}

/// The value of the setting.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Random => "random",
            Self::Course => "course",
        })
    }
}

/// A value that is neither of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `random` nor `course`")]
pub struct OrderError;

impl FromStr for Order {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        match text {
            "random" => Ok(Self::Random),
            "course" => Ok(Self::Course),
            _ => Err(OrderError),
        }
    }
}
