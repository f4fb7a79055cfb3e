//! The memory and CPU time that a request costs a process.

use std::fs;

use crate::support::memory::memory_kib;

/// The bound for the memory that a process allocates for a refused request, in KiB: eight times the largest body.
const MAX_MEMORY_KIB: u64 = 48 * 1024;

/// The bound for its CPU time, in seconds, in a build without optimization.
const MAX_CPU_SECONDS: f64 = 10.0;

/// Linux's clock ticks, the same for every program: <https://man7.org/linux/man-pages/man5/proc.5.html>.
const TICKS_PER_SECOND: f64 = 100.0;

/// The highest costs so far, each with its request's name.
#[derive(Default)]
pub(super) struct Most {
    memory_kib: (u64, &'static str),
    cpu_seconds: (f64, &'static str),
}

/// A process's usage before a request.
pub(super) struct Before {
    id: u32,
    memory_kib: u64,
    cpu_seconds: f64,
}

impl Before {
    pub(super) fn of(id: u32) -> Self {
        // Resets the peak memory.
        fs::write(format!("/proc/{id}/clear_refs"), "5").unwrap();
        Self { id, memory_kib: memory_kib(id, "VmRSS:"), cpu_seconds: cpu_seconds(id) }
    }

    /// Asserts that the request's cost is within the bounds.
    pub(super) fn assert_bounded(self, what: &'static str, most: &mut Most) {
        let memory = memory_kib(self.id, "VmHWM:").saturating_sub(self.memory_kib);
        let cpu = cpu_seconds(self.id) - self.cpu_seconds;
        assert!(memory < MAX_MEMORY_KIB, "{what}: {memory} KiB");
        assert!(cpu < MAX_CPU_SECONDS, "{what}: {cpu} s of a processor");
        if memory > most.memory_kib.0 {
            most.memory_kib = (memory, what);
        }
        if cpu > most.cpu_seconds.0 {
            most.cpu_seconds = (cpu, what);
        }
    }
}

impl Most {
    #[expect(clippy::print_stdout, reason = "measurements, shown with --nocapture")]
    pub(super) fn print(&self) {
        let Self { memory_kib: (memory, largest), cpu_seconds: (cpu, longest) } = self;
        println!("at most {memory} KiB ({largest}) and {cpu:.2} s of a processor ({longest})");
    }
}

/// The CPU time of a process, in user and kernel mode.
fn cpu_seconds(id: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // The program's name before it can contain spaces and parentheses.
    let (_, fields) = status.rsplit_once(')').unwrap();
    let ticks: u32 = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u32>().unwrap()).sum();
    f64::from(ticks) / TICKS_PER_SECOND
}
