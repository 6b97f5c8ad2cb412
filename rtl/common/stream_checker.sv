// stream_checker: the valid/ready rules of one stream as assertions; it has no outputs and costs no logic.
//
//   valid stays until it is taken; the payload is stable while it waits; neither is X.
//
// Bind it or instantiate it beside a stream. Back-pressure of the stream is not limited by it.
//
// Parameters:
//   Width  payload bits (data, last, user ... concatenated), >= 1
module stream_checker #(
    parameter int unsigned Width = 8
) (
    input logic             clk_i,
    input logic             rst_ni,
    input logic             valid_i,
    input logic             ready_i,
    input logic [Width-1:0] data_i
);
  if (Width < 1) $error("%m: Width is %0d, allowed: >= 1", Width);

  a_valid_stays :
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid_i && !ready_i |=> valid_i);
  a_payload_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid_i && !ready_i |=> $stable(data_i));
  a_known :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !$isunknown({valid_i, ready_i}));
endmodule
