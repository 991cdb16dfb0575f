// Put after the measured function's text, which fills `exports`.
export default {
  async fetch(request) {
    const event = await request.json();
    const result = await new Promise((resolve, reject) => {
      exports.main_handler(event, {}, (error, value) => (error ? reject(error) : resolve(value)));
    });
    return Response.json(result);
  },
};
