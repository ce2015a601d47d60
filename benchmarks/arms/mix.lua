-- What wrk sends: a receive of ten messages, and ten invokes. Unsigned, and no answer is looked at.
-- BENCHMARK_INVOKE is the payload of every invoke.

local function call(path, headers, body)
  return "POST " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\n" .. headers
    .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

local receive = call("/", "X-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Type: application/x-amz-json-1.0",
  '{"QueueUrl":"' .. os.getenv("ZIGZAG_QUEUE_URL") .. '","MaxNumberOfMessages":10,"WaitTimeSeconds":1}')
local invoke = call("/2015-03-31/functions/zigzag-worker/invocations", "X-Amz-Invocation-Type: Event",
  os.getenv("BENCHMARK_INVOKE"))

local sent = 0

function request()
  sent = sent + 1
  return sent % 11 == 1 and receive or invoke
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write('{"requests": ' .. summary.requests .. ', "failed": ' .. failed .. '}\n')
end
