// 8 consumers of sqs-consumer: each receives ten messages, runs an empty task for each, and deletes the ten in one call.
import https from "node:https";
import { SQSClient } from "@aws-sdk/client-sqs";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { Consumer } from "sqs-consumer";
import { begin, say } from "./measured.mjs";

const CONSUMERS = 8;
const endpoint = process.env.AWS_ENDPOINT_URL;
const sqs = new SQSClient({
  endpoint,
  requestHandler: new NodeHttpHandler({ httpsAgent: new https.Agent({ keepAlive: true, maxSockets: 2 * CONSUMERS }) }),
});

const begun = begin();
let working = CONSUMERS;
for (let number = 0; number < CONSUMERS; number++) {
  const consumer = Consumer.create({
    sqs,
    queueUrl: `${endpoint}/123456789012/tasks`,
    batchSize: 10,
    waitTimeSeconds: 1,
    handleMessageBatch: async (messages) => messages,
  });
  for (const failure of ["error", "processing_error"]) {
    consumer.on(failure, (error) => {
      console.error(error);
      process.exit(1);
    });
  }
  consumer.on("empty", () => consumer.stop());
  consumer.on("stopped", () => {
    working -= 1;
    if (working === 0) {
      say(begun);
      process.exit();
    }
  });
  consumer.start();
}
