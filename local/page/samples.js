// The samples of the last ten minutes, one a second, oldest first. The charts draw them, and the picture shows averages.

const LONGEST = 600;
const SMOOTH = 3;

export class Samples {
  samples = [];

  /** Replaces the samples by the server's, and keeps the local ones that are newer. */
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

  /** Averages `valueOf` over the last three seconds, because single seconds fluctuate too much. */
  average(valueOf) {
    const last = this.samples.slice(-SMOOTH);
    const sum = last.reduce((total, sample) => total + (valueOf(sample) ?? 0), 0);
    return last.length ? sum / last.length : 0;
  }
}

/** Returns the records of a sample that were written over HTTP. */
export function overHttp(sample) {
  return (sample.pin ?? 0) + (sample.geo ?? 0) + (sample.user ?? 0) + (sample.pass_through ?? 0);
}
