// Where names are defined, as the other language extensions say. Our own server offers no definitions, so it is not asked.
import * as vscode from "vscode";
import type { LanguageClient, Location } from "vscode-languageclient/node";
import type { DefinitionsParams } from "./wire";

/** The server waits a little longer than this; an extension that is busy is not waited for. */
const LIMIT_MS = 200;

type Found = (vscode.Location | vscode.LocationLink)[];

/** For each position a list; empty where nobody knows, or nobody soon. */
export async function definitions(client: LanguageClient, params: DefinitionsParams): Promise<Location[][]> {
  const uri = client.protocol2CodeConverter.asUri(params.textDocument.uri);
  if (!vscode.workspace.textDocuments.some((document) => document.uri.toString() === uri.toString())) {
    return params.positions.map(() => []);
  }
  const limit = new Promise<Found>((resolve) => setTimeout(resolve, LIMIT_MS, []));
  return await Promise.all(
    params.positions.map(async ({ line, character }) => {
      const found = await Promise.race([ask(uri, new vscode.Position(line, character)), limit]);
      return found.map((one) => location(client, one));
    }),
  );
}

async function ask(uri: vscode.Uri, position: vscode.Position): Promise<Found> {
  try {
    return (await vscode.commands.executeCommand<Found | undefined>("vscode.executeDefinitionProvider", uri, position)) ?? [];
  } catch {
    return [];
  }
}

function location(client: LanguageClient, found: vscode.Location | vscode.LocationLink): Location {
  const known = client.code2ProtocolConverter;
  return "targetUri" in found
    ? { uri: known.asUri(found.targetUri), range: known.asRange(found.targetSelectionRange ?? found.targetRange) }
    : { uri: known.asUri(found.uri), range: known.asRange(found.range) };
}
