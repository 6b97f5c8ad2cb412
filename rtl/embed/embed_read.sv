// embed_read: judges a token id and makes the read of its row.
//
//   addr = base + 64 * stride * id,  bytes = 2 * values, rounded up to beats
//
// Steps:         1 product, judgement   2 lower 32 bits of the address   3 upper bits   4 the read waits
// Latency:       4 cycles from an id to its read.
// Throughput:    one id in 5 cycles.
// Back-pressure: the next id waits until the read is taken and there is room for its row in the queue behind m_row.
// Errors:        an illegal id makes no read; error_o and cause_o stay, and no other id is taken, until clear_i or the reset.
//
// Ports: see embed; m_row_last_o: last beat of Lanes values of the row, from 0, given with the read
module embed_read
  import embed_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned BeatW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned BytesW = 32,
    parameter int unsigned IdW = 20,
    parameter int unsigned StrideW = 12,
    parameter int unsigned ValuesW = 16
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic               clear_i,
    input  logic [  AddrW-1:0] base_i,
    input  logic [StrideW-1:0] stride_i,
    input  logic [ValuesW-1:0] values_i,
    input  logic [       31:0] rows_i,
    input  logic [       31:0] s_id_i,
    input  logic               s_valid_i,
    output logic               s_ready_o,
    output logic [  AddrW-1:0] m_desc_addr,
    output logic [ BytesW-1:0] m_desc_bytes,
    output logic               m_desc_tvalid,
    input  logic               m_desc_tready,
    output logic [ValuesW-1:0] m_row_last_o,
    output logic               m_row_valid_o,
    input  logic               m_row_ready_i,
    output logic               busy_o,
    output logic               error_o,
    output cause_e             cause_o
);
  localparam int unsigned PerBeat = BeatW / 16;
  localparam int unsigned ProductW = IdW + StrideW;
  localparam int unsigned LaneShift = $clog2(Lanes);

  logic [4:1] step_q;  // one-hot, none when idle
  logic [AddrW-1:0] base_q, addr_q;
  logic [StrideW-1:0] stride_q;
  logic [ValuesW-1:0] values_q;
  logic [31:0] rows_q, id_q;
  logic [ProductW-1:0] product_q;
  logic [ProductW-27:0] up_q;
  logic [32:0] low_q;  // bit 32: the carry
  logic id_above_q, id_wide_q, row_odd_q, row_long_q, base_odd_q;

  // A row of the table is stride_q * 32 values long.
  wire [StrideW+5:0] row_values = {stride_q, 6'd0} >> 1;
  wire fits = (ValuesW + StrideW + 6)'(values_q) <= (ValuesW + StrideW + 6)'(row_values);
  wire whole = (values_q & ValuesW'(Lanes - 1)) == '0 && values_q != '0;
  // The carry as one more bit below, so that it is one addition.
  wire [AddrW-32:0] upper = {base_q[AddrW-1:32], 1'b1} + {(AddrW - 32)'(up_q), low_q[32]};
  wire unused = upper[0];
  wire take = s_valid_i && s_ready_o;
  assign s_ready_o = step_q == '0 && !error_o && m_row_ready_i;
  assign busy_o = step_q != '0;

  always_ff @(posedge clk_i) begin
    if (take) begin
      base_q   <= base_i;
      stride_q <= stride_i;
      values_q <= values_i;
      rows_q   <= rows_i;
      id_q     <= s_id_i;
    end
    id_above_q <= id_q >= rows_q;
    id_wide_q  <= id_q[31:IdW] != '0;
    row_odd_q  <= !whole;
    row_long_q <= !fits;
    base_odd_q <= base_q[5:0] != '0;
    product_q  <= ProductW'(id_q[IdW-1:0]) * ProductW'(stride_q);
    low_q      <= 33'(base_q[31:0]) + 33'({product_q[25:0], 6'd0});
    up_q       <= product_q[ProductW-1:26];
    if (step_q[3]) addr_q <= {upper[AddrW-32:1], low_q[31:0]};
  end

  wire refuse = step_q[2] && (id_above_q || id_wide_q || row_odd_q || row_long_q || base_odd_q);
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      step_q  <= '0;
      error_o <= 1'b0;
      cause_o <= CauseNone;
    end else begin
      step_q[1] <= take;
      step_q[2] <= step_q[1];
      step_q[3] <= step_q[2] && !refuse;
      step_q[4] <= step_q[3] || (step_q[4] && !m_desc_tready);
      if (refuse) begin
        error_o <= 1'b1;
        cause_o <= (id_above_q || id_wide_q) ? CauseId : (row_odd_q || row_long_q) ? CauseRow : CauseBase;
      end
    end
  end

  assign m_desc_addr = addr_q;
  assign m_desc_bytes = BytesW'((BytesW'(values_q) + BytesW'(PerBeat - 1)) / PerBeat) * BytesW'(BeatW / 8);
  assign m_desc_tvalid = step_q[4];
  assign m_row_last_o = (values_q >> LaneShift) - ValuesW'(1);
  assign m_row_valid_o = step_q[4] && m_desc_tready;

  a_one_step :
  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(step_q));
endmodule
