// act_quant_ring: the beats between first and second pass, in a ring of block RAM.
//
// Latency:       2 cycles from read_i to data_o (memory and its output register). A beat can be read two cycles after it was taken.
// Throughput:    one beat in and one out a cycle.
// Back-pressure: s_ready_o depends only on registers; reads come when the reader wants.
//
// Parameters:
//   Width  bits of a beat
//   Depth  beats, a power of two
// Ports:
//   s_take_i  store s_data_i; only while s_ready_o
module act_quant_ring #(
    parameter int unsigned Width = 512,
    parameter int unsigned Depth = 512
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [Width-1:0] s_data_i,
    input  logic             s_take_i,
    output logic             s_ready_o,
    input  logic             read_i,
    output logic [Width-1:0] data_o
);
  localparam int unsigned PtrW = $clog2(Depth);

  (* ram_style = "block" *) logic [Width-1:0] mem[Depth];
  logic [PtrW-1:0] wr_q, rd_q;
  logic [PtrW:0] level_q;
  logic [Width-1:0] read_q;

  assign s_ready_o = !level_q[PtrW];

  always_ff @(posedge clk_i) begin
    if (s_take_i) mem[wr_q] <= s_data_i;
    read_q <= mem[rd_q];
    data_o <= read_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_q    <= '0;
      rd_q    <= '0;
      level_q <= '0;
    end else begin
      if (s_take_i) wr_q <= wr_q + PtrW'(1);
      if (read_i) rd_q <= rd_q + PtrW'(1);
      if (s_take_i && !read_i) level_q <= level_q + (PtrW + 1)'(1);
      else if (read_i && !s_take_i) level_q <= level_q - (PtrW + 1)'(1);
    end
  end

  a_level :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !(read_i && level_q == '0) && !(s_take_i && level_q[PtrW]) && PtrW'(level_q) == PtrW'(wr_q - rd_q));
endmodule
