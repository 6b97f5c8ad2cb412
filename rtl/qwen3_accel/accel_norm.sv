// accel_norm: rms_norm for two operations at once: the second's vectors go in behind the first's.
//
// Index 0 and 1 take turns, 0 first, as the operations are begun.
//
// Latency, throughput, back-pressure, errors: those of rms_norm.
//
// Parameters:
//   Lanes     values of a line
//   MaxBeats  lines of the longest vector
// Ports:
//   count_i           vectors of the operation, of all its tokens; inv_n_i, eps_i: see rms_norm. Stable while the station is at work
//   done_i            the operation's last line was written
module accel_norm
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxBeats = 256,
    localparam int unsigned LineBits = 32 * Lanes
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic [1:0][   LineW-1:0]  count_i,
    input  logic [1:0][        31:0]  inv_n_i,
    input  logic [1:0][        31:0]  eps_i,
    input  logic [1:0]                done_i,
    input  logic [1:0][LineBits-1:0]  s_axis_tdata,
    input  logic [1:0]                s_axis_tlast,
    input  logic [1:0]                s_axis_tvalid,
    output logic [1:0]                s_axis_tready,
    input  logic      [LineBits-1:0]  s_axis_gain_tdata,
    input  logic                      s_axis_gain_tlast,
    input  logic                      s_axis_gain_tvalid,
    output logic                      s_axis_gain_tready,
    output logic [1:0][LineBits-1:0]  m_axis_tdata,
    output logic [1:0]                m_axis_tvalid,
    input  logic [1:0]                m_axis_tready,
    output logic                      error_o
);
  logic in_q, out_q;  // whose vectors go in, whose results come out
  logic [LineW-1:0] vector_q;  // of the one that goes in, from 1; it has fewer than the frame can have lines
  logic first_q;
  logic in_ready, out_last, out_valid;
  logic [LineBits-1:0] out;
  wire take = s_axis_tvalid[in_q] && in_ready && s_axis_tlast[in_q];
  assign s_axis_tready = in_ready ? 2'b01 << in_q : 2'b00;
  assign m_axis_tdata = {2{out}};
  assign m_axis_tvalid = out_valid ? 2'b01 << out_q : 2'b00;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_q     <= 1'b0;
      out_q    <= 1'b0;
      vector_q <= LineW'(1);
      first_q  <= 1'b1;
    end else begin
      if (take) begin
        vector_q <= vector_q + LineW'(1);
        first_q  <= 1'b0;
        if (vector_q == count_i[in_q]) begin
          vector_q <= LineW'(1);
          first_q  <= 1'b1;
          in_q     <= !in_q;
        end
      end
      if (done_i[out_q]) out_q <= !out_q;
    end
  end

  rms_norm #(.Lanes(Lanes), .MaxBeats(MaxBeats)) u_norm (
      .clk_i, .rst_ni, .inv_n_i(inv_n_i[in_q]), .eps_i(eps_i[in_q]), .reuse_gain_i(!first_q),
      .s_axis_tdata(s_axis_tdata[in_q]), .s_axis_tlast(s_axis_tlast[in_q]), .s_axis_tvalid(s_axis_tvalid[in_q]),
      .s_axis_tready(in_ready), .s_axis_gain_tdata, .s_axis_gain_tlast, .s_axis_gain_tvalid, .s_axis_gain_tready,
      .m_axis_tdata(out), .m_axis_tlast(out_last), .m_axis_tvalid(out_valid), .m_axis_tready(m_axis_tready[out_q]), .error_o
  );
  wire unused = ^out_last;
  a_turns :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !done_i[!out_q]);
endmodule
