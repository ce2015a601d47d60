// Prints a peer's own figures, as JSON in its last line, as benchmarks/arms/measured.py does.
import { readFileSync, writeSync } from "node:fs";

export const begin = () => process.cpuUsage();

export function say(begun) {
  const { user, system } = process.cpuUsage(begun);
  writeSync(1, `\n${JSON.stringify({ cpu_seconds: (user + system) / 1e6, peak_bytes: peakBytes() })}\n`);
}

function peakBytes() {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024; // not on Linux
  }
}
