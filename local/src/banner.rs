//! The banner: the addresses of the components, and a request to try.

use emulator::Order;
use ingest::StatusPolicy;

use crate::{browser, cli::Cli, components::Components, dashboard, terminal::report};

/// Prints it to stderr, because stdout holds only the summary.
pub(crate) fn print(cli: &Cli, components: &Components) {
    let Components { user_ids, pass_through, shared_streams, statuses, address, cluster, archive, embedded, .. } =
        components;
    let page = browser::page(*address);
    let embedded = if embedded.is_some() { " (embedded)" } else { "" };
    let rows = dashboard::rows(cli);
    let (rate, first) = (cli.posts_per_second, &cli.user_ids[0]);
    let in_all = cli.posts.map_or_else(String::new, |posts| format!(", {posts} in all"));
    let posts = if (rate - 1.0).abs() < f64::EPSILON { "post" } else { "posts" };
    let mut lines = vec![
        format!("Dashboard  {page}"),
        format!("HTTP API   {page}topics/{{{user_ids}}}.{{pin,geo,user}}"),
        format!("API docs   {page}docs"),
        format!("Kafka      {cluster}{embedded}"),
        format!("Emulator   {rate} {posts} per second from {rows}{in_all}"),
        format!("Archive    {}", archive.as_ref().map_or("none".to_owned(), |archive| archive.url.to_string())),
        format!(
            "Tables     {}",
            if archive.is_none() || cli.no_tables { "none" } else { "in tables/ of the archive, each second" }
        ),
    ];
    // Deviations from the defaults.
    if let Some(file) = &cli.env_file {
        lines.push(format!("Settings   {} for cargo lambda watch --env-file", file.display()));
    }
    if !address.ip().is_loopback() {
        lines
            .push("Open to    every machine that reaches this one, without authentication: see SECURITY.md".to_owned());
    }
    if pass_through.iter().next().is_some() {
        lines.push(format!("Unchecked  {pass_through}, not archived"));
    }
    if !cli.shared_streams.is_empty() {
        lines.push(format!("Streams    {shared_streams}, for all kinds"));
    }
    if cli.order != Order::default() {
        lines.push(format!("Order      {}, from its first post", cli.order));
    }
    if *statuses != StatusPolicy::default() {
        lines.push(format!("Statuses   {statuses}"));
    }
    lines.extend([
        String::new(),
        "Send a record:".to_owned(),
        format!(
            "  curl {page}topics/{first}.geo -H 'Content-Type: application/vnd.kafka.json.v2+json' -d \
             '{{\"records\":[{{\"value\":{{\"ind\":7528,\"timestamp\":\"2020-08-28 03:52:47\",\"latitude\":-89.9787,\
             \"longitude\":-173.293,\"country\":\"Albania\"}}}}]}}'"
        ),
        "Stop with Ctrl-C.".to_owned(),
        String::new(),
    ]);
    report(lines.join("\n"));
}
