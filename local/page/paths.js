// The geometry of the charts: their scales, and the outlines of lines and areas.

/** Returns the top of the scale: 1, 2, 4 or 6 times a power of ten, so that its half is a round number too. */
export function topOf(layers) {
  const areas = layers.filter((layer) => layer.shape === "area");
  let most = 0;
  for (const layer of layers) for (const value of layer.values) most = Math.max(most, value ?? 0);
  for (let index = 0; index < (areas[0]?.values.length ?? 0); index += 1) {
    most = Math.max(most, areas.reduce((sum, layer) => sum + (layer.values[index] ?? 0), 0));
  }
  if (most <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 6, 10].find((step) => step * power >= most) * power;
}

export function linePath(values, samples, x, y) {
  let path = "";
  let drawn = false; // true if the previous sample was
  values.forEach((value, index) => {
    if (value !== null) path += `${drawn ? "L" : "M"}${x(samples[index].second).toFixed(1)} ${y(value).toFixed(1)}${drawn ? "" : "h0"}`;
    drawn = value !== null;
  });
  return path;
}

/** Outlines an area in steps of a second: a slope would show values that were never measured. */
export function areaPath(floor, ceiling, samples, x, y) {
  const steps = samples.map(({ second }, index) => [x(second - 0.5), x(second + 0.5), y(ceiling[index]), y(floor[index])]);
  if (!steps.length) return "";
  let path = `M${steps[0][0].toFixed(1)} ${steps[0][3].toFixed(1)}`;
  for (const [, to, high] of steps) path += `V${high.toFixed(1)}H${to.toFixed(1)}`;
  for (const [from, , , low] of steps.reverse()) path += `V${low.toFixed(1)}H${from.toFixed(1)}`;
  return `${path}Z`;
}
