// segment_reduce: adds the partial sums of several slices in aligned segments.
//
//   size = 2^code_i sources a segment;   output j = sum of sources j*size .. j*size+size-1, j = 0 .. Sources/size - 1
//   The outputs behind them carry what was left on the way: ignore them.
//
// Formats:       Width bits two's complement, modulo 2^Width (no overflow if the sums fit, asserted for every adder used).
// Streams:       all sources in lockstep in one beat, source i at [i*Width +: Width]; code_i travels with its beat to code_o.
// Structure:     one register stage per level of the tree; level k adds neighbours and moves the sums together if code >= k.
// Latency:       $clog2(Sources) cycles, at least 1.
// Throughput:    one beat a cycle.
// Back-pressure: a stage moves when it is empty or the next one moves; s_axis_tready depends on m_axis_tready through
//                one gate a level. Put a spill_register behind it where that is too long.
//
// Parameters:
//   Sources  a power of two, >= 1
//   Width    bits of a partial sum, >= 1
module segment_reduce #(
    parameter int unsigned Sources = 8,
    parameter int unsigned Width = 32,
    localparam int unsigned Levels = (Sources > 1) ? $clog2(Sources) : 1,
    localparam int unsigned CodeW = $clog2(Levels + 1)
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic [        CodeW-1:0] code_i,
    input  logic [Sources*Width-1:0] s_axis_tdata,
    input  logic                     s_axis_tlast,
    input  logic                     s_axis_tvalid,
    output logic                     s_axis_tready,
    output logic [Sources*Width-1:0] m_axis_tdata,
    output logic                     m_axis_tlast,
    output logic [        CodeW-1:0] code_o,
    output logic                     m_axis_tvalid,
    input  logic                     m_axis_tready
);
  if (Sources < 1 || 2 ** $clog2(Sources) != Sources)
    $error("%m: Sources is %0d, allowed: powers of two", Sources);
  if (Width < 1) $error("%m: Width is %0d, allowed: >= 1", Width);

  logic [Levels:0][Sources*Width-1:0] data;
  logic [Levels:0][CodeW-1:0] code;
  logic [Levels:0] valid, last, ready;

  assign data[0]       = s_axis_tdata;
  assign code[0]       = code_i;
  assign valid[0]      = s_axis_tvalid;
  assign last[0]       = s_axis_tlast;
  assign s_axis_tready = ready[0];
  assign m_axis_tdata  = data[Levels];
  assign m_axis_tvalid = valid[Levels];
  assign m_axis_tlast  = last[Levels];
  assign ready[Levels] = m_axis_tready;
  assign code_o        = code[Levels];

  for (genvar k = 0; k < Levels; k++) begin : gen_level
    localparam int unsigned Values = Sources >> k;  // at most
    wire add = code[k] > CodeW'(k);
    logic [Sources*Width-1:0] data_q;
    logic [CodeW-1:0] code_q;
    logic valid_q, last_q;

    assign ready[k]   = !valid_q || ready[k+1];
    assign data[k+1]  = data_q;
    assign code[k+1]  = code_q;
    assign valid[k+1] = valid_q;
    assign last[k+1]  = last_q;

    always_ff @(posedge clk_i) begin
      if (ready[k]) begin
        code_q <= code[k];
        last_q <= last[k];
        data_q <= data[k];
        for (int unsigned i = 0; 2 * i + 1 < Values; i++) begin
          if (add) data_q[i*Width+:Width] <= data[k][2*i*Width+:Width] + data[k][(2*i+1)*Width+:Width];
        end
      end
      if (!rst_ni) valid_q <= 1'b0;
      else if (ready[k]) valid_q <= valid[k];
    end

`ifndef SYNTHESIS
    for (genvar i = 0; 2 * i + 1 < Values; i++) begin : gen_check
      logic signed [Width:0] exact;
      assign exact = $signed(data[k][2*i*Width+:Width]) + $signed(data[k][(2*i+1)*Width+:Width]);
      a_sum_fits :
      assert property (@(posedge clk_i) disable iff (!rst_ni) valid[k] && add |-> exact[Width] == exact[Width-1]);
    end
`endif
  end

  a_code :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_axis_tvalid |-> 32'(code_i) <= $clog2(Sources));
  a_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      m_axis_tvalid && !m_axis_tready |=> m_axis_tvalid && $stable({m_axis_tdata, m_axis_tlast}));
endmodule
