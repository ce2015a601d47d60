// Our consumer's job by AWS's SDK for JavaScript: 8 loops, which each receive ten messages and invoke ten times.
import https from "node:https";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { begin, say } from "./measured.mjs";

const LOOPS = 8;
const MOST = 10;
const endpoint = process.env.AWS_ENDPOINT_URL;
const config = () => ({
  endpoint,
  requestHandler: new NodeHttpHandler({ httpsAgent: new https.Agent({ keepAlive: true, maxSockets: LOOPS * MOST }) }),
});
const sqs = new SQSClient(config());
const functions = new LambdaClient(config());
const QueueUrl = `${endpoint}/123456789012/tasks`;

async function drain() {
  for (;;) {
    const asked = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: MOST, WaitTimeSeconds: 1 });
    const { Messages: messages } = await sqs.send(asked);
    if (!messages?.length) return;
    await Promise.all(
      messages.map((message) =>
        functions.send(
          new InvokeCommand({
            FunctionName: process.env.ZIGZAG_WORKER,
            InvocationType: "Event",
            Payload: JSON.stringify(message),
          }),
        ),
      ),
    );
  }
}

const begun = begin();
await Promise.all(Array.from({ length: LOOPS }, drain));
say(begun);
process.exit();
