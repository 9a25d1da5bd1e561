#!/usr/bin/env node
// The `holdfast` command.
import { onCapableNode } from './own-node.mjs';

await onCapableNode(import.meta.url, async () => {
  const { runFromShell } = await import('./main.ts');
  await runFromShell();
});
