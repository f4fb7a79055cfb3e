// The samples of the last ten minutes, one a second, oldest first: what the charts draw and the picture's figures are averages of.

const LONGEST = 600;
const SMOOTH = 3;

export class Series {
  samples = [];

  /** Takes the server's samples in place of ours, and keeps those of ours that are newer than its answer. */
  replace(samples) {
    const last = samples.at(-1)?.second ?? 0;
    this.samples = [...samples, ...this.samples.filter((sample) => sample.second > last)].slice(-LONGEST);
  }

  add(sample) {
    if (sample.second <= (this.samples.at(-1)?.second ?? 0)) return;
    this.samples.push(sample);
    if (this.samples.length > LONGEST) this.samples.shift();
  }

  clear() {
    this.samples = [];
  }

  /** What `valueOf` gives for a sample, averaged over the last three seconds: a single second jumps too much to be read. */
  average(valueOf) {
    const last = this.samples.slice(-SMOOTH);
    const sum = last.reduce((total, sample) => total + (valueOf(sample) ?? 0), 0);
    return last.length ? sum / last.length : 0;
  }
}

/** The records of a sample that came over HTTP. */
export function overHttp(sample) {
  return (sample.pin ?? 0) + (sample.geo ?? 0) + (sample.user ?? 0) + (sample.pass_through ?? 0);
}
