//! Formats `docs/benchmarks.md`: the figures with their conditions and goals.

use std::time::Duration;

use crate::{
    Section, archiving, code, cost, delta,
    figures::{Figures, Metric},
    freeze, function, goals, growth, limits,
    machine::{date, load, machine},
    package::built_for_arm64,
    plan::Plan,
    profile, server, starts, user_ids,
    versions::versions,
};

/// The conditions of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) load_before: String,
}

impl Run {
    /// Formats the document.
    pub(crate) fn document(&self, sections: &[Section], figures: &Figures, took: Duration) -> String {
        let goals = goals::table(figures);
        let goals = format!(include_str!("document/goals.md"), table = goals.trim_end());
        let sections = sections.iter().map(|section| self.section(*section, figures));
        let parts: Vec<_> = [self.head(took)].into_iter().chain(sections).chain([goals]).collect();
        parts.join("\n")
    }

    fn head(&self, took: Duration) -> String {
        let versions: Vec<_> = versions().into_iter().map(|line| format!("- {line}")).collect();
        format!(
            include_str!("document/head.md"),
            quick = match (self.plan.quick, cfg!(debug_assertions)) {
                (_, true) => "**Built without optimisation, to try the benchmark out: its figures are worthless.**\n\n",
                (true, false) => "**A quick run, to try the benchmark out: its figures are worthless.**\n\n",
                (false, false) => "",
            },
            date = date(),
            minutes = took.as_secs().div_ceil(60),
            machine = machine(),
            load_before = self.load_before,
            load_after = load(),
            passes = self.plan.passes,
            seconds = self.plan.pass.as_secs(),
            versions = versions.join("\n")
        )
    }

    fn section(&self, section: Section, figures: &Figures) -> String {
        let tables: Vec<_> =
            tables(section).into_iter().map(|(scene, columns)| figures.table(scene, columns)).collect();
        let text = self.text(section, figures);
        match section {
            Section::Cost => format!("{text}\n{}\n{}", tables.join("\n"), cost::table(figures)),
            Section::Growth => {
                let exponents = growth::AXES.map(|axis| axis.exponents(figures));
                let parts = tables.into_iter().zip(exponents).map(|(table, exponents)| format!("{table}\n{exponents}"));
                format!("{text}\n{}", parts.collect::<Vec<_>>().join("\n"))
            }
            _ => format!("{text}\n{}", tables.join("\n")),
        }
    }

    /// Returns a section's title and introduction.
    fn text(&self, section: Section, figures: &Figures) -> String {
        let Plan { starts, archived, objects, rows, environments, growth_pass, .. } = self.plan;
        match section {
            Section::Code => include_str!("document/code.md").to_owned(),
            Section::Starts => format!(include_str!("document/starts.md"), starts = starts),
            Section::UserIds => format!(include_str!("document/user_ids.md"), starts = starts),
            Section::Function => format!(include_str!("document/function.md"), package = package("IngestFunction")),
            Section::Profile => include_str!("document/profile.md").to_owned(),
            Section::Growth => format!(include_str!("document/growth.md"), seconds = growth_pass.as_secs()),
            Section::Limits => include_str!("document/limits.md").to_owned(),
            Section::Server => include_str!("document/server.md").to_owned(),
            Section::Archive => format!(
                include_str!("document/archiving.md"),
                archived = archived,
                objects = objects,
                connect_objects = archiving::CONNECT_OBJECTS_PER_SECOND,
                connect_records = archiving::CONNECT_RECORDS_PER_SECOND,
                connect_memory_mb = archiving::CONNECT_MEMORY_MB
            ),
            Section::Tables => format!(
                include_str!("document/delta.md"),
                rows = rows,
                object_rows = delta::OBJECT_ROWS,
                package = package("TablesFunction")
            ),
            Section::Freeze => format!(include_str!("document/freeze.md"), environments = environments),
            Section::Cost => format!("## What it costs\n\n{}", cost::text(figures)),
        }
    }
}

/// Describes the zip that was measured of our function.
fn package(function: &str) -> &'static str {
    match built_for_arm64(function) {
        Some(_) => "Our zip is the arm64 one that `sam build` left.",
        None => "Our zip is missing: build it with `make build`.",
    }
}

/// Returns a section's tables: their scenes and columns.
fn tables(section: Section) -> Vec<(&'static str, &'static [Metric])> {
    match section {
        Section::Code => code::SCENES.map(|scene| (scene, code::COLUMNS)).into(),
        Section::Starts => [starts::PLAIN, starts::IAM].map(|scene| (scene, starts::COLUMNS)).into(),
        Section::UserIds => {
            [user_ids::PLAIN, user_ids::IAM, user_ids::LOCAL].map(|scene| (scene, user_ids::COLUMNS)).into()
        }
        Section::Function => vec![
            (function::ONE, function::ONE_COLUMNS),
            (function::FIVE_HUNDRED, function::FIVE_HUNDRED_COLUMNS),
            (function::ONE_IAM, function::ONE_COLUMNS),
            (function::FIVE_HUNDRED_IAM, function::FIVE_HUNDRED_COLUMNS),
        ],
        Section::Profile => profile::SCENES.map(|scene| (scene, profile::COLUMNS)).into(),
        Section::Growth => growth::AXES.map(|axis| (axis.scene, axis.columns)).into(),
        Section::Limits => vec![(limits::SCENE, limits::COLUMNS)],
        Section::Server => {
            let scenes = [server::ONE, server::SIXTEEN, server::SIXTY_FOUR, server::FIVE_HUNDRED];
            scenes.map(|scene| (scene, server::COLUMNS)).into()
        }
        Section::Archive => vec![(archiving::SCENE, archiving::COLUMNS)],
        Section::Tables => vec![(delta::SCENE, delta::COLUMNS)],
        Section::Freeze => vec![(freeze::SCENE, freeze::COLUMNS)],
        Section::Cost => {
            let scenes = cost::SETTINGS.iter().flat_map(|(_, scenes)| *scenes);
            scenes.map(|scene| (scene, cost::COLUMNS)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::folders::workspace;

    #[test]
    fn the_published_document_has_the_current_texts() {
        let published = fs::read_to_string(workspace().join("docs/benchmarks.md")).unwrap();
        for template in fs::read_dir(workspace().join("benches/src/document")).unwrap() {
            let template = fs::read_to_string(template.unwrap().path()).unwrap();
            // The values of a run stand between the texts.
            for text in template.split(['{', '}']).step_by(2) {
                assert!(published.contains(text.trim()), "{text}");
            }
        }
    }
}
